#pragma once

#include <cuda_runtime_api.h>

#include "norm_params.hpp"

namespace arfuse {

/** Whether the kernels of a device may begin while the kernel before them ends: all are compiled for the same architectures. */
bool norm_overlaps(int device);

/** Launches the norm kernel asynchronously; all pointers of `params` are device pointers, 16-byte aligned. */
cudaError_t launch_norm(const NormParams& params, Dtype dtype, bool overlaps, cudaStream_t stream);

/** Loads every variant of the kernel onto the current device: a first launch would block behind a spinning kernel. */
cudaError_t load_norm_kernels();

}  // namespace arfuse
