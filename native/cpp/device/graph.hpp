#pragma once

#include "device_guard.hpp"
#include "retired.hpp"

namespace arfuse {

/** A captured sequence of launches, ready to be launched again by one call. */
class Graph {
 public:
  /** Takes the captured graph over and instantiates it. */
  Graph(int device, cudaGraph_t captured) : device_(device) {
    const DeviceGuard guard(device);
    const cudaError_t error = cudaGraphInstantiate(&executable_, captured, 0);
    cudaGraphDestroy(captured);
    check(error, "cudaGraphInstantiate");
  }
  ~Graph() {
    Retired::add(device_, [executable = executable_] { cudaGraphExecDestroy(executable); });
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  cudaGraphExec_t get() const noexcept { return executable_; }

 private:
  int device_;
  cudaGraphExec_t executable_ = nullptr;
};

}  // namespace arfuse
