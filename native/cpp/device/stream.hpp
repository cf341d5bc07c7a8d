#pragma once

#include <memory>

#include "device_guard.hpp"

namespace arfuse {

/** A stream that does not wait for the legacy default stream. Shared with work that is still waited for. */
class Stream {
 public:
  explicit Stream(int device) : device_(device) {
    const DeviceGuard guard(device);
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  }
  /** A stream that another part of the process owns. */
  Stream(int device, cudaStream_t stream) : device_(device), stream_(stream), owned_(false) {}
  ~Stream() {
    if (owned_) cudaStreamDestroy(stream_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int device() const noexcept { return device_; }
  cudaStream_t get() const noexcept { return stream_; }

 private:
  int device_;
  cudaStream_t stream_ = nullptr;
  bool owned_ = true;
};

}  // namespace arfuse
