#pragma once

#include "cuda_error.hpp"
#include "device_guard.hpp"

namespace arfuse {

// Host side of programmatic dependent launch; `kernels/dependent_launch.cuh` is that of the GPU.

/**
 * Whether a kernel of a device may begin while the one before it ends: where the code that it runs waits for earlier kernels. It
 * does when compiled for 9.0 and on, and not where the driver made it from code for less.
 */
inline bool may_overlap(int device, const void* kernel) {
  const DeviceGuard guard(device);
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, kernel), "cudaFuncGetAttributes");
  return attributes.ptxVersion >= 90;
}

/** Launches a kernel, beside the end of the one before it where it `overlaps`. */
inline cudaError_t launch_overlapping(const void* kernel, int blocks, int threads, int shared_bytes, void** arguments, bool overlaps,
                                      cudaStream_t stream) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = static_cast<std::size_t>(shared_bytes);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = overlaps ? 1 : 0;
  return cudaLaunchKernelExC(&config, kernel, arguments);
}

}  // namespace arfuse
