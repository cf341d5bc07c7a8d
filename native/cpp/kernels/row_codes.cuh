#pragma once

#include "norm_row.hpp"
#include "vector.cuh"

// The codes of a row that is in registers.

namespace arfuse {

/** Where a thread stands: its first lane in the tensor and in the row, and the lanes from one of its vectors to the next. */
struct RowPlace {
  unsigned start;
  unsigned first;
  unsigned workers;
  bool works;
};

/** The codes of a vector by a scale that is not ordinary; a function of its own, to keep it out of the way. */
template <typename T>
__device__ __noinline__ uint2 rare_codes(Vector<T> value, float scale, ScaleForm form) {
  const Divisor by(scale);
  float x[kLane];
  decode(value, x);
#pragma unroll 1
  for (float& each : x) each = e4m3_quotient(each, by, form, Nan::propagate);
  return encode_e4m3(x);
}

/** Stores the codes of a row's vectors by their scales, or by the one that all share. */
template <typename T, int kVectors, int kScales>
__device__ __forceinline__ void store_codes(const Vector<T> (&value)[kVectors], const float (&scale)[kScales], const QuantStep& quant,
                                            const RowPlace& place) {
  static_assert(kScales == 1 || kScales == kVectors);
  const auto store = [&](int j, const uint2& codes) {
    if (place.works) reinterpret_cast<uint2*>(quant.out)[place.start + j * place.workers] = codes;
  };
  bool ordinary = true;
  float reciprocal[kScales];
#pragma unroll
  for (int j = 0; j < kScales; ++j) {
    ordinary = ordinary && is_ordinary(scale[j]);
    reciprocal[j] = reciprocal_of_ordinary(scale[j]);
  }
  const auto store_all = [&](auto&& quotient) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      float x[kLane];
      decode(value[j], x);
#pragma unroll
      for (int i = 0; i < kLane; ++i) x[i] = quotient(x[i], j % kScales);
      store(j, encode_e4m3(x));
    }
  };
  if (!ordinary) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) store(j, rare_codes(value[j], scale[j % kScales], quant.form));
  } else if (quant.form == ScaleForm::reciprocal) {
    store_all([&](float x, int j) { return multiply(x, reciprocal[j]); });
  } else {
    store_all([&](float x, int j) { return ordinary_quotient(x, scale[j], reciprocal[j]); });
  }
}

}  // namespace arfuse
