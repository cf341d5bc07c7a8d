#pragma once

#include <memory>

#include "device_guard.hpp"
#include "retired.hpp"

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
    // Work that is still under way keeps what it uses until the process ends.
    if (owned_ && working_ && cudaStreamQuery(stream_) == cudaSuccess) end_work();
    if (owned_) cudaStreamDestroy(stream_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int device() const noexcept { return device_; }
  cudaStream_t get() const noexcept { return stream_; }

  /** Kernels that may wait for others are enqueued, on the thread that drives the stream. */
  void begin_work() noexcept {
    if (working_ || capturing_) return;
    working_ = true;
    Retired::begin_work(device_);
  }
  void begin_capture() {
    check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    capturing_ = true;
  }
  cudaGraph_t end_capture() {
    capturing_ = false;
    cudaGraph_t captured = nullptr;
    check(cudaStreamEndCapture(stream_, &captured), "cudaStreamEndCapture");
    return captured;
  }
  /** Whether everything enqueued so far has run; waits for nothing. */
  bool idle() {
    // To ask would end a capture.
    if (capturing_) return false;
    const cudaError_t state = cudaStreamQuery(stream_);
    if (state == cudaErrorNotReady) {
      cudaGetLastError();
      return false;
    }
    check(state, "cudaStreamQuery");
    end_work();
    return true;
  }

 private:
  /** Everything enqueued has run. */
  void end_work() noexcept {
    if (!working_) return;
    working_ = false;
    Retired::end_work(device_);
  }

  int device_;
  cudaStream_t stream_ = nullptr;
  bool owned_ = true;
  bool working_ = false;
  bool capturing_ = false;
};

}  // namespace arfuse
