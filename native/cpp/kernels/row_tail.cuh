#pragma once

#include "norm_row.hpp"
#include "row_reduction.cuh"
#include "store_scale.hpp"
#include "vector.cuh"

namespace arfuse {

/** Where a thread stands: its row, its first lane in the tensor and in the row, and the lanes from one of its vectors to the next. */
struct RowPlace {
  unsigned row;
  std::uint64_t start;
  unsigned first;
  unsigned workers;
  bool works;
};

template <typename T>
__device__ __forceinline__ uint2 e4m3_codes(const Vector<T>& value, const Divisor& by, ScaleForm form) {
  float x[kLane];
  decode(value, x);
  // Branches once per vector, not once per element.
  if (form == ScaleForm::divide) {
#pragma unroll
    for (int i = 0; i < kLane; ++i) x[i] = by(x[i]);
  } else {
#pragma unroll
    for (int i = 0; i < kLane; ++i) x[i] = multiply(x[i], by.reciprocal);
  }
  return encode_e4m3(x);
}

__device__ __forceinline__ float scale_of(float max, const QuantStep& quant) {
  const float scale = dynamic_scale(max, quant.floor);
  return quant.scale_dtype == ScaleDtype::ue8m0 ? power_of_two_scale(scale) : scale;
}

/** Largest lanes of a group, which are neighbours in one warp. */
constexpr unsigned kGroupLanes = 32;

/** Largest magnitude of the group of each vector of this thread, to every thread of the group. */
template <typename T, int kVectors>
__device__ __forceinline__ void peaks_of_groups(const Vector<T> (&value)[kVectors], unsigned lanes_per_group, float (&peaks)[kVectors]) {
  Peak<T> peak[kVectors];
#pragma unroll
  for (int j = 0; j < kVectors; ++j) peak[j].raise(value[j]);
  // Two vectors of 16 bits travel in one word.
  constexpr bool kShared = kVectors == 2 && sizeof(typename T::Code) == 2;
  if constexpr (kShared) peak[0].codes = __byte_perm(peak[0].folded(), peak[1].folded(), 0x7610);
#pragma unroll
  for (unsigned offset = 1; offset < kGroupLanes; offset *= 2) {
    if (offset >= lanes_per_group) break;
#pragma unroll
    for (int j = 0; j < (kShared ? 1 : kVectors); ++j) peak[j].raise(__shfl_xor_sync(kWholeWarp, peak[j].codes, static_cast<int>(offset)));
  }
  if constexpr (kShared) {
    peaks[0] = T::decode(static_cast<typename T::Code>(peak[0].codes));
    peaks[1] = T::decode(static_cast<typename T::Code>(peak[0].codes >> 16));
  } else {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) peaks[j] = peak[j].value();
  }
}

/** Quantises the vectors of a row; `spare` are 32 words of shared memory. */
template <typename T, int kVectors, RowTail kTail>
__device__ __forceinline__ void quantise_row(const Vector<T> (&value)[kVectors], const QuantStep& quant, int rows, unsigned lanes,
                                             float scale_in, const RowPlace& place, unsigned* spare) {
  auto* const out = reinterpret_cast<uint2*>(quant.out) + place.start;
  if constexpr (kTail == RowTail::fp8_group) {
    const unsigned lanes_per_group = static_cast<unsigned>(quant.group) / kLane;
    // A power of two: divisions by a variable cost more than the codes.
    const unsigned shift = __ffs(static_cast<int>(lanes_per_group)) - 1;
    float peaks[kVectors];
    peaks_of_groups(value, lanes_per_group, peaks);
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      const float scale = scale_of(peaks[j], quant);
      const unsigned lane = place.first + j * place.workers;
      if (place.works && (lane & (lanes_per_group - 1)) == 0)
        store_scale(quant, rows, place.row, lane >> shift, lanes >> shift, scale);
      const uint2 codes = e4m3_codes(value[j], Divisor(scale), quant.form);
      if (place.works) out[j * place.workers] = codes;
    }
  } else {
    float scale = scale_in;
    if constexpr (kTail == RowTail::fp8_token) {
      Peak<T> peak;
#pragma unroll
      for (int j = 0; j < kVectors; ++j) peak.raise(value[j]);
      scale = scale_of(float_of(row_max(bits_of(peak.value()), spare)), quant);
      if (threadIdx.x == 0) store_scale(quant, rows, place.row, 0, 1, scale);
    }
    const Divisor by(scale);
    uint2 codes[kVectors];
#pragma unroll
    for (int j = 0; j < kVectors; ++j) codes[j] = e4m3_codes(value[j], by, quant.form);
    if (place.works) {
#pragma unroll
      for (int j = 0; j < kVectors; ++j) out[j * place.workers] = codes[j];
    }
  }
}

}  // namespace arfuse
