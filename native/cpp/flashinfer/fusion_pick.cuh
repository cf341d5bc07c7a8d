#pragma once

#include "fusion_header.cuh"

namespace arfuse {

/** The code of every pattern but those of FP4, for an activation type. */
template <typename T>
const void* pick_fusion_code(int pattern, Shot shot, int ranks) {
  using Pattern = upstream::AllReduceFusionPattern;
  switch (static_cast<Pattern>(pattern)) {
    case Pattern::kAllReduce:
      return FusionOf<Pattern::kAllReduce, T>::code(shot, ranks);
    case Pattern::kARResidualRMSNorm:
      return FusionOf<Pattern::kARResidualRMSNorm, T>::code(shot, ranks);
    case Pattern::kARResidualRMSNormFP8Quant:
      return FusionOf<Pattern::kARResidualRMSNormFP8Quant, T>::code(shot, ranks);
    case Pattern::kARResidualRMSNormOutFP8Quant:
      return FusionOf<Pattern::kARResidualRMSNormOutFP8Quant, T>::code(shot, ranks);
    case Pattern::kARResidualRMSNormPerTokenGroupFP8PackedQuant:
      return FusionOf<Pattern::kARResidualRMSNormPerTokenGroupFP8PackedQuant, T>::code(shot, ranks);
    case Pattern::kARResidualRMSNormOutPerTokenGroupFP8PackedQuant:
      return FusionOf<Pattern::kARResidualRMSNormOutPerTokenGroupFP8PackedQuant, T>::code(shot, ranks);
    case Pattern::kARResidualRMSNormDynamicFP8Quant:
      return FusionOf<Pattern::kARResidualRMSNormDynamicFP8Quant, T>::code(shot, ranks);
    case Pattern::kARResidualRMSNormOutDynamicFP8Quant:
      return FusionOf<Pattern::kARResidualRMSNormOutDynamicFP8Quant, T>::code(shot, ranks);
    default:
      return nullptr;
  }
}

}  // namespace arfuse
