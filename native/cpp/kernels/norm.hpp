#pragma once

#include <cuda_runtime_api.h>

#include "../launch/norm_geometry.hpp"
#include "norm_params.hpp"

namespace arfuse {

/** Lanes of eight elements that share a scale; 0 where none do, or where the whole row does. */
inline int lanes_per_group(const NormParams& params) {
  const bool grouped = params.quant.scheme == QuantScheme::fp8_group || params.quant.scheme == QuantScheme::nvfp4;
  return grouped ? params.quant.group / kLane : 0;
}

/** Launches the norm kernel asynchronously; all pointers of `params` are device pointers, 16-byte aligned. */
cudaError_t launch_norm(const NormParams& params, Dtype dtype, cudaStream_t stream);

/** Loads every variant of the kernel onto the current device: a first launch would block behind a spinning kernel. */
cudaError_t load_norm_kernels();

}  // namespace arfuse
