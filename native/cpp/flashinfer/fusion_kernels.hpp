#pragma once

#include <cuda_runtime_api.h>

#include "fusion_params.hpp"

namespace arfuse {

// One translation unit per dtype: they compile side by side. Null for what a unit does not have.
const void* fusion_kernel_bf16(int pattern, Shot shot, int ranks);
const void* fusion_kernel_f16(int pattern, Shot shot, int ranks);
const void* fusion_kernel_f32(int pattern, Shot shot, int ranks);
const void* fusion_kernel_fp4(bool norm, Dtype dtype, Shot shot, int ranks);

/** Launches a kernel of FlashInfer by the parameters that its header declares. */
cudaError_t launch_fusion_kernel(const void* function, const FusionKernel& kernel, const FusionParams& params,
                                 const FusionGeometry& geometry, int rows, cudaStream_t stream);

}  // namespace arfuse
