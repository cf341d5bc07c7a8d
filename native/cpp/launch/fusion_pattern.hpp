#pragma once

namespace arfuse {

/** Sizes of groups that FlashInfer's fusion kernels are compiled for. */
constexpr int kFusionSizes[] = {2, 4, 8, 16};
constexpr int kMaxFusionRanks = 16;

enum class FusionQuant { none, fp8_static, fp8_token, fp8_group, fp4 };

/** What a pattern code of FlashInfer's fusion header computes after the all-reduce, and writes, whether it is read or not. */
struct FusionPattern {
  int code;
  /** Adds a residual, writes the sum, and normalises it. Without: writes the all-reduce's result. */
  bool norm;
  bool norm_out;
  FusionQuant quant;
};

/** The patterns whose kernels wait in one all-reduce; 6, 7 and 12 are for mixtures of experts. */
constexpr FusionPattern kFusionPatterns[] = {
    {0, false, false, FusionQuant::none},     {1, true, true, FusionQuant::none},
    {2, true, false, FusionQuant::fp8_static}, {3, true, false, FusionQuant::fp4},
    {4, true, true, FusionQuant::fp8_static},  {5, true, true, FusionQuant::fp4},
    {8, true, false, FusionQuant::fp8_group},  {9, true, true, FusionQuant::fp8_group},
    {10, true, false, FusionQuant::fp8_token}, {11, true, true, FusionQuant::fp8_token},
};

/** Null for a code that is none of these. */
constexpr const FusionPattern* fusion_pattern(int code) {
  for (const FusionPattern& pattern : kFusionPatterns)
    if (pattern.code == code) return &pattern;
  return nullptr;
}

}  // namespace arfuse
