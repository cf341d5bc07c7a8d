#pragma once

#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

namespace arfuse {

/** A CUDA call that failed, in the runtime's own words. */
class CudaError : public std::runtime_error {
 public:
  CudaError(cudaError_t code, const char* call)
      : std::runtime_error(std::string(call) + ": " + cudaGetErrorString(code)), code_(code) {}

  cudaError_t code() const noexcept { return code_; }
  const char* name() const noexcept { return cudaGetErrorName(code_); }

 private:
  cudaError_t code_;
};

/** @throws CudaError when a call failed */
inline void check(cudaError_t code, const char* call) {
  if (code == cudaSuccess) return;
  // The error stays with the thread otherwise, and the next call would report it.
  cudaGetLastError();
  throw CudaError(code, call);
}

}  // namespace arfuse
