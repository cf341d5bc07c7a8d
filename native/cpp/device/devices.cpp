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
  }
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
