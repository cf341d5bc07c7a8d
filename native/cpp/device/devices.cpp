#include "devices.hpp"

#include <cuda_runtime_api.h>

namespace arfuse {
namespace {

/** `GPU-8f3a…`, in groups of 4, 2, 2, 2 and 6 bytes. */
std::string uuid_text(const cudaUUID_t& uuid) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "GPU";
  for (int i = 0; i < 16; ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    const auto byte = static_cast<unsigned char>(uuid.bytes[i]);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

/** A function of the driver, which nothing links; null when it has none of that name. */
template <typename Function>
Function driver_function(const char* name) {
  void* entry = nullptr;
  cudaDriverEntryPointQueryResult found{};
  constexpr unsigned kCuda12 = 12000;
  if (cudaGetDriverEntryPointByVersion(name, &entry, kCuda12, cudaEnableDefault, &found) != cudaSuccess) {
    cudaGetLastError();
    return nullptr;
  }
  return found == cudaDriverEntryPointSuccess ? reinterpret_cast<Function>(entry) : nullptr;
}

/** Asks the driver, since the runtime has no name for the attribute. */
std::optional<bool> joins_multicast(int device) {
  constexpr int kMulticastSupported = 132;
  const auto get_device = driver_function<int (*)(int*, int)>("cuDeviceGet");
  const auto get_attribute = driver_function<int (*)(int*, int, int)>("cuDeviceGetAttribute");
  int handle = 0;
  int supported = 0;
  if (get_device == nullptr || get_attribute == nullptr || get_device(&handle, device) != 0 ||
      get_attribute(&supported, kMulticastSupported, handle) != 0)
    return std::nullopt;
  return supported != 0;
}

DeviceFacts facts_of(int device, int count) {
  DeviceFacts facts;
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, device) != cudaSuccess) return facts;
  facts.name = properties.name;
  facts.capability = properties.major * 10 + properties.minor;
  facts.memory_bytes = properties.totalGlobalMem;
  facts.uuid = uuid_text(properties.uuid);
  facts.multiprocessors = properties.multiProcessorCount;
  char bus[32] = {};
  if (cudaDeviceGetPCIBusId(bus, sizeof bus, device) == cudaSuccess) facts.pci_bus_id = bus;
  for (int other = 0; other < count; ++other) {
    int reachable = other == device ? 1 : 0;
    if (other != device && cudaDeviceCanAccessPeer(&reachable, device, other) != cudaSuccess) reachable = 0;
    facts.peers.push_back(reachable != 0);
    int atomics = other == device ? 1 : 0;
    if (other != device && (reachable == 0 || cudaDeviceGetP2PAttribute(&atomics, cudaDevP2PAttrNativeAtomicSupported, device,
                                                                        other) != cudaSuccess))
      atomics = 0;
    facts.peer_atomics.push_back(atomics != 0);
  }
  facts.multicast = joins_multicast(device);
  return facts;
}

}  // namespace

DeviceList list_devices() {
  DeviceList found;
  cudaDriverGetVersion(&found.driver_version);
  cudaRuntimeGetVersion(&found.runtime_version);
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess) {
    found.error = cudaGetErrorString(error);
    // The error stays with the thread otherwise, and the next call would report it.
    cudaGetLastError();
    return found;
  }
  for (int device = 0; device < count; ++device) found.devices.push_back(facts_of(device, count));
  return found;
}

}  // namespace arfuse
