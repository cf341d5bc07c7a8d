// Compiled for architectures with instructions for FP4 alone: on others its kernels write zeros without a word.
#define ARFUSE_FUSION_UNIT fusion_fp4
#include "fusion_header.cuh"

namespace arfuse {
namespace {

template <typename T>
const void* pick(int pattern, Shot shot, int ranks) {
  using Pattern = upstream::AllReduceFusionPattern;
  switch (static_cast<Pattern>(pattern)) {
    case Pattern::kARResidualRMSNormFP4Quant:
      return FusionOf<Pattern::kARResidualRMSNormFP4Quant, T>::code(shot, ranks);
    case Pattern::kARResidualRMSNormOutFP4Quant:
      return FusionOf<Pattern::kARResidualRMSNormOutFP4Quant, T>::code(shot, ranks);
    default:
      return nullptr;
  }
}

}  // namespace

const void* fusion_code_fp4_bf16(int pattern, Shot shot, int ranks) { return pick<nv_bfloat16>(pattern, shot, ranks); }

const void* fusion_code_fp4_f16(int pattern, Shot shot, int ranks) { return pick<half>(pattern, shot, ranks); }

}  // namespace arfuse
