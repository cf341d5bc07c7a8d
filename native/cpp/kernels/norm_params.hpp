#pragma once

#include <cstddef>
#include <cstdint>

#include "../arithmetic/norm.hpp"
#include "../arithmetic/quantise.hpp"
#include "../arithmetic/scale_layout.hpp"

namespace arfuse {

/** Dtypes of activations and weights. */
enum class Dtype : std::int32_t { bf16 = 0, f16 = 1, f32 = 2 };

/** Bytes of an element. */
constexpr std::size_t size_of(Dtype dtype) { return dtype == Dtype::f32 ? 4 : 2; }

/** A norm of the run; absent where `present` is false. A null weight is a norm without one. */
struct NormStep {
  bool present = false;
  const void* weight = nullptr;
  Dtype weight_dtype = Dtype::bf16;
  /** 1 for `1 + w`, else 0. */
  float weight_bias = 0.0f;
  float eps = 0.0f;
  WeightMultiply multiplied = WeightMultiply::before;
  /** `[rows, hidden]`, or null when nothing reads the result. */
  void* out = nullptr;
};

/** `x + bias` or `x * factor`, rounded, between the all-reduce and what follows. */
struct Prologue {
  /** `[hidden]`; null for a factor. */
  const void* bias = nullptr;
  Dtype bias_dtype = Dtype::bf16;
  float factor = 1.0f;
};

enum class QuantScheme : std::int32_t { none = 0, fp8_static = 1, fp8_token = 2, fp8_group = 3, nvfp4 = 4 };
enum class ScaleDtype : std::int32_t { none = 0, f32 = 1, ue8m0 = 2, e4m3 = 3 };
enum class ScaleLayout : std::int32_t { none = 0, row_major = 1, column_major = 2, column_major_packed = 3, swizzled_128x4 = 4 };

struct QuantStep {
  QuantScheme scheme = QuantScheme::none;
  /** Whether the quantiser reads the normed value rounded to the activation dtype. */
  bool rounded_input = true;
  /** Elements that share a scale; `hidden` for one per row. */
  int group = 0;
  float floor = 0.0f;
  ScaleForm form = ScaleForm::reciprocal;
  ScaleDtype scale_dtype = ScaleDtype::none;
  ScaleLayout layout = ScaleLayout::none;
  Nan nan = Nan::propagate;
  /** One float on the device: the dequantisation scale (static FP8) or the global scale (NVFP4). */
  const float* scale_in = nullptr;
  /** `[rows, hidden]` bytes for FP8, half as many for NVFP4. */
  std::uint8_t* out = nullptr;
  void* scale_out = nullptr;
};

constexpr int kMaxPrologues = 3;

/** One launch of arfuse's norm kernel: a contiguous run of the stages that follow an all-reduce. */
struct NormParams {
  int rows = 0;
  int hidden = 0;
  /** `[rows, hidden]` in the activation dtype. */
  const void* x = nullptr;
  int prologues = 0;
  Prologue prologue[kMaxPrologues];
  /** The value behind the prologues; null when nothing reads it. */
  void* all_reduce_out = nullptr;
  NormStep pre_norm;
  bool has_residual = false;
  const void* residual = nullptr;
  /** 1 where the residual is added as it is; another factor is multiplied and rounded first. */
  float residual_factor = 1.0f;
  bool scales_residual = false;
  void* residual_out = nullptr;
  NormStep norm;
  /** Whether the norm reads the sum before rounding. */
  bool unrounded_input = false;
  QuantStep quant;
};

/** Lanes of eight elements that share a scale; 0 where none do, or where the whole row does. */
inline int lanes_per_group(const NormParams& params) {
  const bool grouped = params.quant.scheme == QuantScheme::fp8_group || params.quant.scheme == QuantScheme::nvfp4;
  return grouped ? params.quant.group / kLane : 0;
}

}  // namespace arfuse
