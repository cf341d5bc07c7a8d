// Compiled for architectures with instructions for FP4 alone: on others its kernels write zeros without a word.
#define ARFUSE_FUSION_UNIT fusion_fp4
#include "fusion_header.cuh"
#include "fusion_kernels.hpp"

namespace arfuse {
namespace {

template <typename T>
const void* kernel_of(bool norm, Shot shot, int ranks) {
  using Pattern = upstream::AllReduceFusionPattern;
  return norm ? FusionOf<Pattern::kARResidualRMSNormOutFP4Quant, T>::kernel(shot, ranks)
              : FusionOf<Pattern::kARResidualRMSNormFP4Quant, T>::kernel(shot, ranks);
}

}  // namespace

const void* fusion_kernel_fp4(bool norm, Dtype dtype, Shot shot, int ranks) {
  if (dtype == Dtype::bf16) return kernel_of<nv_bfloat16>(norm, shot, ranks);
  return dtype == Dtype::f16 ? kernel_of<half>(norm, shot, ranks) : nullptr;
}

}  // namespace arfuse
