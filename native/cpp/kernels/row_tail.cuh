#pragma once

#include "norm_row.hpp"
#include "row_reduction.cuh"
#include "store_scale.hpp"
#include "vector.cuh"

namespace arfuse {

/** Where a thread stands: its first lane in the tensor and in the row, and the lanes from one of its vectors to the next. */
struct RowPlace {
  std::uint64_t start;
  unsigned first;
  unsigned workers;
  bool works;
};

template <typename T>
__device__ __forceinline__ unsigned largest_bits(const Vector<T>& value) {
  float x[kLane];
  decode(value, x);
  unsigned max = 0;
#pragma unroll
  for (int i = 0; i < kLane; ++i) max = larger_bits(max, x[i], Nan::propagate);
  return max;
}

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

__device__ __forceinline__ float scale_of(unsigned max, const QuantStep& quant) {
  const float scale = dynamic_scale(float_of(max), quant.floor);
  return quant.scale_dtype == ScaleDtype::ue8m0 ? power_of_two_scale(scale) : scale;
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
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      unsigned max = largest_bits(value[j]);
      for (unsigned offset = 1; offset < lanes_per_group; offset *= 2) {
        const unsigned other = __shfl_xor_sync(kWholeWarp, max, static_cast<int>(offset));
        max = max > other ? max : other;
      }
      const float scale = scale_of(max, quant);
      const unsigned lane = place.first + j * place.workers;
      if (place.works && (lane & (lanes_per_group - 1)) == 0)
        store_scale(quant, rows, blockIdx.x, lane >> shift, lanes >> shift, scale);
      const uint2 codes = e4m3_codes(value[j], Divisor(scale), quant.form);
      if (place.works) out[j * place.workers] = codes;
    }
  } else {
    float scale = scale_in;
    if constexpr (kTail == RowTail::fp8_token) {
      unsigned max = 0;
#pragma unroll
      for (int j = 0; j < kVectors; ++j) {
        const unsigned found = largest_bits(value[j]);
        max = found > max ? found : max;
      }
      scale = scale_of(row_max(max, spare), quant);
      if (threadIdx.x == 0) store_scale(quant, rows, blockIdx.x, 0, 1, scale);
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
