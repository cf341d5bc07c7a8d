#pragma once

#include <cuda_runtime_api.h>

#include "../kernels/norm_params.hpp"
#include "../launch/fusion_geometry.hpp"

namespace arfuse {

/** A kernel of FlashInfer's fusion header; sums in f32, and lets dependants start at its end. */
struct FusionKernel {
  int pattern;
  Shot shot;
  Dtype dtype;
  int ranks;
};

/** Scales of FP4 in memory, with the header's codes. */
enum class FusionScaleLayout : int { swizzled_128x4 = 0, linear = 2 };

/** What a fused launch is given; places that its pattern does not touch are null. */
struct FusionParams {
  int rank = 0;
  int hidden = 0;
  /** The device's table of pointers, see `fusion_layout.hpp`. */
  void** table = nullptr;
  void* input = nullptr;
  void* all_reduce_out = nullptr;
  void* residual = nullptr;
  void* residual_out = nullptr;
  void* weight = nullptr;
  void* norm_out = nullptr;
  void* quant_out = nullptr;
  void* scale_out = nullptr;
  /** One float in device memory. */
  float* scale = nullptr;
  float eps = 0;
  /** 1 for Gemma's `1 + w`. */
  float weight_bias = 0;
  FusionScaleLayout scale_layout = FusionScaleLayout::swizzled_128x4;
  /** Elements that share a scale; 0 for none. */
  int group = 0;
  /** Programmatic dependent launch: may start while the kernel before it ends. */
  bool pdl = false;
};

}  // namespace arfuse
