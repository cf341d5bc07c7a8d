#pragma once

#include <cstddef>

#include "../device/abandoned.hpp"
#include "../device/device_guard.hpp"

namespace arfuse {

/** Another process's device memory, mapped into this one. Its owner frees it after every mapping has gone. */
class PeerMapping {
 public:
  PeerMapping(int device, const cudaIpcMemHandle_t& handle) : device_(device) {
    const DeviceGuard guard(device);
    check(cudaIpcOpenMemHandle(&address_, handle, cudaIpcMemLazyEnablePeerAccess), "cudaIpcOpenMemHandle");
  }
  ~PeerMapping() {
    if (Abandoned::has(device_)) return;
    int before = 0;
    // A destructor may not throw, so no guard.
    if (cudaGetDevice(&before) != cudaSuccess || cudaSetDevice(device_) != cudaSuccess) return;
    cudaIpcCloseMemHandle(address_);
    cudaSetDevice(before);
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
