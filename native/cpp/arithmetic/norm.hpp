#pragma once

#include <cmath>

#include "formats.hpp"

namespace arfuse {

/** Consecutive elements whose squares one thread adds in order before the tree. */
constexpr int kLane = 8;

/** Where the weight is multiplied: on the float32 value, or on the one rounded to the activation dtype. */
enum class WeightMultiply { before, after };

/** The squares of up to eight elements, added in order. */
template <typename Load>
ARFUSE_HD float sum_of_lane(int count, Load load) {
  float total = 0.0f;
  for (int i = 0; i < count; ++i) {
    const float value = load(i);
    total = add(total, multiply(value, value));
  }
  return total;
}

/** `1 / sqrt(sum / hidden + eps)`; root and reciprocal in double, rounded once. */
ARFUSE_HD float inverse_rms(float sum, int hidden, float eps) {
  const float mean = divide(sum, static_cast<float>(hidden));
  const double square = static_cast<double>(add(mean, eps));
#if defined(__CUDA_ARCH__)
  return static_cast<float>(__drcp_rn(__dsqrt_rn(square)));
#else
  return static_cast<float>(1.0 / std::sqrt(square));
#endif
}

/** One normed element in float32, before its rounding to the activation dtype `T`. */
template <typename T>
ARFUSE_HD float normed_element(float x, float scale, float gain, WeightMultiply multiplied) {
  const float normed = multiply(x, scale);
  return multiply(multiplied == WeightMultiply::after ? T::round(normed) : normed, gain);
}

/** Lanes left after one level of the tree: lane `i` takes lane `half + i` for `i < width - half`. */
ARFUSE_HD int half_of(int width) { return (width + 1) / 2; }

/** The tree over all lanes of a row on the host; the kernel walks the same levels over its threads. */
inline float sum_of_lanes(float* lanes, int count) {
  for (int width = count; width > 1; width = half_of(width)) {
    const int half = half_of(width);
    for (int i = 0; i < width - half; ++i) lanes[i] = add(lanes[i], lanes[half + i]);
  }
  return lanes[0];
}

}  // namespace arfuse
