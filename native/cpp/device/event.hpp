#pragma once

#include "device_guard.hpp"

namespace arfuse {

/** A point of a stream that keeps the time at which the device passed it. */
class Event {
 public:
  explicit Event(int device) {
    const DeviceGuard guard(device);
    check(cudaEventCreate(&event_), "cudaEventCreate");
  }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  cudaEvent_t get() const noexcept { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace arfuse
