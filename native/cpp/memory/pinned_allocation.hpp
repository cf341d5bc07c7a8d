#pragma once

#include <cstddef>

#include "../device/cuda_error.hpp"
#include "../device/retired.hpp"

namespace arfuse {

/** Host memory that copies do not stage, and that kernels of every device read and write at the same address. */
class PinnedAllocation {
 public:
  explicit PinnedAllocation(std::size_t bytes) : bytes_(bytes) {
    check(cudaHostAlloc(&address_, bytes, cudaHostAllocPortable | cudaHostAllocMapped), "cudaHostAlloc");
  }
  ~PinnedAllocation() {
    Retired::add(Retired::kEveryDevice, [address = address_] { cudaFreeHost(address); });
  }
  PinnedAllocation(const PinnedAllocation&) = delete;
  PinnedAllocation& operator=(const PinnedAllocation&) = delete;

  std::size_t bytes() const noexcept { return bytes_; }
  std::byte* address() const noexcept { return static_cast<std::byte*>(address_); }

 private:
  std::size_t bytes_;
  void* address_ = nullptr;
};

}  // namespace arfuse
