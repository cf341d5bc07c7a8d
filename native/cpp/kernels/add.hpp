#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "norm_params.hpp"

namespace arfuse {

/** Launches `out = round(a + b)`, elementwise over 16-byte vectors, asynchronously; `out` may be `a` or `b`. */
cudaError_t launch_add(const void* a, const void* b, void* out, std::int64_t vectors, Dtype dtype, cudaStream_t stream);

/** Loads every variant of the kernel onto the current device: a first launch would block behind a spinning kernel. */
cudaError_t load_add_kernels();

}  // namespace arfuse
