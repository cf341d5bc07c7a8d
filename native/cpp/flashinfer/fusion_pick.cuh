#pragma once

#include "fusion_header.cuh"

namespace arfuse {

/** The kernel of every pattern but those of FP4, for an activation type. */
template <typename T>
const void* pick_fusion_kernel(int pattern, Shot shot, int ranks) {
  using Pattern = upstream::AllReduceFusionPattern;
  switch (static_cast<Pattern>(pattern)) {
    case Pattern::kAllReduce:
      return FusionOf<Pattern::kAllReduce, T>::kernel(shot, ranks);
    case Pattern::kARResidualRMSNorm:
      return FusionOf<Pattern::kARResidualRMSNorm, T>::kernel(shot, ranks);
    case Pattern::kARResidualRMSNormFP8Quant:
      return FusionOf<Pattern::kARResidualRMSNormFP8Quant, T>::kernel(shot, ranks);
    case Pattern::kARResidualRMSNormOutFP8Quant:
      return FusionOf<Pattern::kARResidualRMSNormOutFP8Quant, T>::kernel(shot, ranks);
    case Pattern::kARResidualRMSNormPerTokenGroupFP8PackedQuant:
      return FusionOf<Pattern::kARResidualRMSNormPerTokenGroupFP8PackedQuant, T>::kernel(shot, ranks);
    case Pattern::kARResidualRMSNormOutPerTokenGroupFP8PackedQuant:
      return FusionOf<Pattern::kARResidualRMSNormOutPerTokenGroupFP8PackedQuant, T>::kernel(shot, ranks);
    case Pattern::kARResidualRMSNormDynamicFP8Quant:
      return FusionOf<Pattern::kARResidualRMSNormDynamicFP8Quant, T>::kernel(shot, ranks);
    case Pattern::kARResidualRMSNormOutDynamicFP8Quant:
      return FusionOf<Pattern::kARResidualRMSNormOutDynamicFP8Quant, T>::kernel(shot, ranks);
    default:
      return nullptr;
  }
}

}  // namespace arfuse
