#pragma once

#include "norm_row.hpp"
#include "row_reduction.cuh"
#include "store_scale.hpp"
#include "vector.cuh"

// The scales that a row is quantised by.

namespace arfuse {

/** Largest magnitudes of the `lanes` neighbours of each vector of this thread, to all of them; a power of two, up to a warp. */
template <typename T, int kVectors>
__device__ __forceinline__ void peaks_of_groups(const Vector<T> (&value)[kVectors], unsigned lanes, float (&peaks)[kVectors]) {
  // Two vectors travel in one word.
  constexpr bool kPaired = kVectors == 2;
  constexpr int kWords = kPaired ? 1 : kVectors;
  Peak<T> peak[kVectors];
#pragma unroll
  for (int j = 0; j < kVectors; ++j) peak[j].raise(value[j]);
  if constexpr (kPaired) peak[0].codes = __byte_perm(peak[0].folded(), peak[1].folded(), 0x7610);
  const auto share = [&](unsigned offset) {
#pragma unroll
    for (int j = 0; j < kWords; ++j) peak[j].raise(__shfl_xor_sync(kWholeWarp, peak[j].codes, static_cast<int>(offset)));
  };
  // Groups of 128 elements, which most models have, without a branch per step.
  if (lanes == 16) {
#pragma unroll
    for (unsigned offset = 1; offset < 16; offset *= 2) share(offset);
  } else {
#pragma unroll 1
    for (unsigned offset = 1; offset < lanes; offset *= 2) share(offset);
  }
  if constexpr (kPaired) {
    peaks[0] = T::decode(static_cast<typename T::Code>(peak[0].codes));
    peaks[1] = T::decode(static_cast<typename T::Code>(peak[0].codes >> 16));
  } else {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) peaks[j] = peak[j].value();
  }
}

// Powers of two take functions of their own, to keep them out of the way.

inline __device__ __noinline__ float rounded_up(float scale) { return power_of_two_scale(scale); }

inline __device__ __noinline__ void store_rounded_scale(const NormRowParams& params, unsigned group, float scale) {
  store_scale_code(params.quant, params.rows, blockIdx.x, group, params.scales.groups, scale);
}

/** Scales of groups from their largest magnitudes. */
template <int kScales>
__device__ __forceinline__ void scales_of(const float (&peaks)[kScales], const QuantStep& quant, float (&scale)[kScales]) {
  bool sure = true;
#pragma unroll
  for (int j = 0; j < kScales; ++j) {
    const Quick quotient = over_e4m3_max(peaks[j]);
    scale[j] = at_least(quotient.value, quant.floor);
    sure = sure && quotient.sure;
  }
  if (!sure) {
#pragma unroll
    for (int j = 0; j < kScales; ++j) scale[j] = dynamic_scale_by_division(peaks[j], quant.floor);
  }
  if (quant.scale_dtype != ScaleDtype::f32) {
#pragma unroll
    for (int j = 0; j < kScales; ++j) scale[j] = rounded_up(scale[j]);
  }
}

/** Stores the scale of a group of this block's row, where `stores`. */
__device__ __forceinline__ void store_scale_of_row(const NormRowParams& params, unsigned group, float scale, bool stores) {
  if (params.quant.scale_dtype != ScaleDtype::f32) {
    if (stores) store_rounded_scale(params, group, scale);
    return;
  }
  const std::uint64_t at =
      static_cast<std::uint64_t>(blockIdx.x) * params.scales.row_stride + static_cast<std::uint64_t>(group) * params.scales.group_stride;
  if (stores) static_cast<std::uint32_t*>(params.quant.scale_out)[at] = F32::encode(scale);
}

}  // namespace arfuse
