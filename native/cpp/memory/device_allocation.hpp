#pragma once

#include <cstddef>

#include "../device/device_guard.hpp"
#include "../device/retired.hpp"

namespace arfuse {

/** Memory of one device; aligned for every vector that a kernel loads. */
class DeviceAllocation {
 public:
  DeviceAllocation(int device, std::size_t bytes) : device_(device), bytes_(bytes) {
    const DeviceGuard guard(device);
    check(cudaMalloc(&address_, bytes), "cudaMalloc");
  }
  /** Memory that another part of the process owns. */
  DeviceAllocation(int device, std::size_t bytes, void* address)
      : device_(device), bytes_(bytes), address_(address), owned_(false) {}
  ~DeviceAllocation() {
    if (owned_) Retired::add(device_, [address = address_] { cudaFree(address); });
  }
  DeviceAllocation(const DeviceAllocation&) = delete;
  DeviceAllocation& operator=(const DeviceAllocation&) = delete;

  int device() const noexcept { return device_; }
  std::size_t bytes() const noexcept { return bytes_; }
  /** Whether it is freed with this object. */
  bool owned() const noexcept { return owned_; }
  std::byte* address() const noexcept { return static_cast<std::byte*>(address_); }

 private:
  int device_;
  std::size_t bytes_;
  void* address_ = nullptr;
  bool owned_ = true;
};

}  // namespace arfuse
