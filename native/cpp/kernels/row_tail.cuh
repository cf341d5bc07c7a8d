#pragma once

#include "row_codes.cuh"
#include "row_scales.cuh"

// Quantisers of a row that is in registers. What almost no row needs is a function of its own, so that the instructions of the
// others lie together: a launch of few rows waits for every line of them.

namespace arfuse {

/** Quantises the vectors of a row; `spare` are 32 words of shared memory. Scales are stored last: nothing waits for them. */
template <typename T, int kVectors, RowTail kTail>
__device__ __forceinline__ void quantise_row(const Vector<T> (&value)[kVectors], const NormRowParams& params, float scale_in,
                                             const RowPlace& place, unsigned* spare) {
  if constexpr (kTail == RowTail::fp8_group) {
    const unsigned shift = params.scales.group_shift;
    float peaks[kVectors];
    peaks_of_groups(value, 1u << shift, peaks);
    float scale[kVectors];
    scales_of(peaks, params.quant, scale);
    store_codes(value, scale, params.quant, place);
    // All lanes of a group have its scale: lane `j` of it stores that of vector `j`, so that one instruction stores them all.
    const unsigned lane = place.first & ((1u << shift) - 1);
    float mine = scale[0];
#pragma unroll
    for (unsigned j = 1; j < kVectors; ++j) mine = lane == j ? scale[j] : mine;
    store_scale_of_row(params, (place.first + lane * place.workers) >> shift, mine, place.works && lane < kVectors);
  } else {
    float scale[1] = {scale_in};
    if constexpr (kTail == RowTail::fp8_token) {
      Peak<T> peak;
#pragma unroll
      for (int j = 0; j < kVectors; ++j) peak.raise(value[j]);
      const float peaks[1] = {float_of(row_max(bits_of(peak.value()), spare))};
      scales_of(peaks, params.quant, scale);
    }
    store_codes(value, scale, params.quant, place);
    if constexpr (kTail == RowTail::fp8_token) store_scale_of_row(params, 0, scale[0], threadIdx.x == 0);
  }
}

}  // namespace arfuse
