#pragma once

#include <cuda_runtime_api.h>

#include "codes.hpp"
#include "comparison.hpp"

namespace arfuse {

/** Fills `[rows, hidden]` with made-up codes, asynchronously. */
cudaError_t launch_codes(const CodesSpec& spec, int rows, void* out, cudaStream_t stream);

/** Compares `codes` codes, asynchronously; what it finds is added to the findings. */
cudaError_t launch_comparison(const ComparisonParams& params, int codes, cudaStream_t stream);

/** Looks for bytes other than one among `count`, asynchronously. */
cudaError_t launch_uniform(const UniformParams& params, int count, cudaStream_t stream);

/** Loads the kernels onto the current device. */
cudaError_t load_check_kernels();

}  // namespace arfuse
