#pragma once

#include <optional>

#include "../launch/norm_row_geometry.hpp"
#include "norm_params.hpp"

namespace arfuse {

/** How a normed element meets its weight. */
enum class Gain { before, after, with_bias };

inline Gain gain_of(const NormStep& norm) {
  if (norm.multiplied == WeightMultiply::after) return Gain::after;
  return norm.weight_bias == 0.0f ? Gain::before : Gain::with_bias;
}

/** Where the scales of a row's groups lie, in scales. */
struct RowScaleLayout {
  unsigned groups;
  /** Lanes of a group, as a power of two. */
  unsigned group_shift;
  unsigned row_stride;
  unsigned group_stride;
};

/**
 * A launch of `norm_row_kernel`: add, norm with a weight of the activation dtype, and an FP8 quantiser of the rounded result
 * that keeps NaN. What the first loads need comes first: every line of a kernel's parameters that is touched costs time.
 */
// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): made by `NormRowParams{}`, which zeroes what has no initialiser
struct NormRowParams {
  const void* x;
  /** Null where nothing is added. */
  const void* residual;
  const void* weight;
  /** Lanes of eight elements of a row, and threads that hold them. */
  unsigned lanes;
  unsigned workers;
  /** Null where nothing reads it. */
  void* residual_out;
  void* out;
  Mean mean;
  float eps;
  float weight_bias;
  int rows;
  RowScaleLayout scales;
  QuantStep quant;
};

using NormRowKernel = void (*)(NormRowParams);

/**
 * Least epsilon of a kernel of rows: beside a larger one no underflow of squares is seen. Sums that lost one are below 2^-100,
 * where they change nothing of `mean + eps`.
 */
constexpr float kLeastEps = 0x1p-70f;

/** Whether kernels of rows quantise activations: those of float32 are nowhere in FP8, and not worth a quarter of all kernels. */
constexpr bool quantises_rows(std::size_t code_bytes) { return code_bytes == 2; }

/** What follows the norm, where a kernel of rows does the run. */
inline std::optional<RowTail> row_tail_of(const NormParams& params, Dtype dtype) {
  const QuantStep& quant = params.quant;
  // A weight that is added to before the multiplication behind a rounding is nowhere in use.
  const bool biased = params.norm.weight_bias != 0.0f && params.norm.multiplied == WeightMultiply::after;
  const bool ordinary = params.norm.present && params.norm.weight != nullptr && params.norm.weight_dtype == dtype && !biased &&
                        params.norm.eps >= kLeastEps;
  if (params.prologues > 0 || params.all_reduce_out != nullptr || params.pre_norm.present || !ordinary || params.unrounded_input ||
      params.scales_residual)
    return std::nullopt;
  if (quant.scheme == QuantScheme::none) return RowTail::none;
  if (!quantises_rows(size_of(dtype)) || !quant.rounded_input || quant.nan == Nan::lost) return std::nullopt;
  switch (quant.scheme) {
    case QuantScheme::fp8_static:
      return RowTail::fp8_static;
    case QuantScheme::fp8_token:
      return RowTail::fp8_token;
    case QuantScheme::fp8_group:
      return RowTail::fp8_group;
    default:
      return std::nullopt;
  }
}

/** Geometry of a run that a kernel of rows does. */
inline std::optional<NormRowGeometry> norm_row_geometry(const NormParams& params, Dtype dtype) {
  const auto tail = row_tail_of(params, dtype);
  if (!tail) return std::nullopt;
  return norm_row_geometry(params.hidden, lanes_per_group(params), params.rows, *tail);
}

}  // namespace arfuse
