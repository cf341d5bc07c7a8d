#pragma once

#include <cstddef>

#include "../device/device_guard.hpp"
#include "../device/retired.hpp"

namespace arfuse {

/** Another process's device memory, mapped into this one. Its owner frees it after every mapping has gone. */
class PeerMapping {
 public:
  PeerMapping(int device, const cudaIpcMemHandle_t& handle) : device_(device) {
    const DeviceGuard guard(device);
    check(cudaIpcOpenMemHandle(&address_, handle, cudaIpcMemLazyEnablePeerAccess), "cudaIpcOpenMemHandle");
  }
  ~PeerMapping() {
    Retired::add(device_, [device = device_, address = address_] {
      int before = 0;
      // Nothing that is retired may throw, so no guard.
      if (cudaGetDevice(&before) != cudaSuccess || cudaSetDevice(device) != cudaSuccess) return;
      cudaIpcCloseMemHandle(address);
      cudaSetDevice(before);
    });
  }
  PeerMapping(const PeerMapping&) = delete;
  PeerMapping& operator=(const PeerMapping&) = delete;

  std::byte* address() const noexcept { return static_cast<std::byte*>(address_); }

 private:
  int device_;
  void* address_ = nullptr;
};

/** The name under which other processes of this host map an allocation: of `cudaMalloc`, from its first byte. */
inline cudaIpcMemHandle_t ipc_handle_of(int device, void* address) {
  const DeviceGuard guard(device);
  cudaIpcMemHandle_t handle{};
  check(cudaIpcGetMemHandle(&handle, address), "cudaIpcGetMemHandle");
  return handle;
}

}  // namespace arfuse
