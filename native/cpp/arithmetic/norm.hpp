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

/** `1 / sqrt(x)` in double, rounded once more to float32; a function of its own, to keep it out of the way. */
ARFUSE_HD_CALL float inverse_root_by_double(float x) {
#if defined(__CUDA_ARCH__)
  return static_cast<float>(__drcp_rn(__dsqrt_rn(static_cast<double>(x))));
#else
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(x)));
#endif
}

/** `1 / sqrt(x)` within four units in the last place. */
ARFUSE_HD float inverse_root_guess(float x) {
#if defined(__CUDA_ARCH__)
  return rsqrtf(x);
#else
  return 1.0f / std::sqrt(x);
#endif
}

/**
 * `1 / sqrt(x)` in float32: double precision is slow on GPUs. The correction of the guess is known to 2^-45 of the result; the
 * result is sure to be that of `inverse_root_by_double` when both ends of an interval of 2^-42 around it round to the same
 * float32. About one value in 200,000 is not.
 */
ARFUSE_HD Quick quick_inverse_root(float x) {
  const float guess = inverse_root_guess(x);
  const float high = multiply(x, guess);
  const float low = fused(x, guess, -high);
  const float rest = fused(-guess, low, fused(-guess, high, 1.0f));
  const float correction = multiply(multiply(guess, rest), fused(0.375f, rest, 0.5f));
  const float margin = multiply(guess, 0x1p-42f);
  const float least = add(guess, add(correction, -margin));
  const float most = add(guess, add(correction, margin));
  return {least, x > 0x1p-100f && x < 0x1p100f && least == most};
}

/** `1 / sqrt(sum / hidden + eps)`; root and reciprocal in double, rounded once. */
ARFUSE_HD float inverse_rms(float sum, int hidden, float eps) {
  const float x = add(divide(sum, static_cast<float>(hidden)), eps);
  const Quick quick = quick_inverse_root(x);
  return quick.sure ? quick.value : inverse_root_by_double(x);
}

/** Divides by a hidden size as `/` does, from its reciprocal: two corrections by the exact remainder. */
struct Mean {
  float hidden;
  float reciprocal;

  ARFUSE_HD Quick operator()(float sum) const {
    const float rough = multiply(sum, reciprocal);
    const float near = fused(fused(-rough, hidden, sum), reciprocal, rough);
    // Else remainders may leave float32.
    return {fused(fused(-near, hidden, sum), reciprocal, near), sum == 0.0f || (sum > 0x1p-60f && sum < 0x1p100f)};
  }
};

/** The slow form of `inverse_rms`; a function of its own, to keep it out of the way. */
ARFUSE_HD_CALL float inverse_rms_by_double(float sum, float hidden, float eps) {
  return inverse_root_by_double(add(divide(sum, hidden), eps));
}

/** `1 / sqrt(sum / hidden + eps)` from the reciprocal of the hidden size. */
ARFUSE_HD float inverse_rms(float sum, const Mean& mean, float eps) {
  const Quick square = mean(sum);
  const Quick root = quick_inverse_root(add(square.value, eps));
  return square.sure && root.sure ? root.value : inverse_rms_by_double(sum, mean.hidden, eps);
}

inline Mean mean_over(int hidden) { return {static_cast<float>(hidden), 1.0f / static_cast<float>(hidden)}; }

/** What a normed element is multiplied by: `bias + weight`, or the weight itself, whose -0 a sum would lose. */
ARFUSE_HD float gain_of(float weight, float bias) { return bias == 0.0f ? weight : add(bias, weight); }

/** One normed element in float32, before its rounding to the activation dtype `T`. */
template <typename T>
ARFUSE_HD float normed_element(float x, float scale, float gain, WeightMultiply multiplied) {
  const float normed = multiply(x, scale);
  return multiply(multiplied == WeightMultiply::after ? T::round(normed) : normed, gain);
}

/** Lanes left after one level of the tree: lane `i` takes lane `half + i` for `i < width - half`. */
ARFUSE_HD int half_of(int width) { return (width + 1) / 2; }

/**
 * Leaf of lane `at` of `width` in a perfect tree of `leaves` whose root is that of `sum_of_lanes`: a bit per turn, the first
 * turn highest. Leaves that no lane has hold 0, which changes no sum: squares are never -0.
 */
ARFUSE_HD unsigned leaf_of(unsigned leaves, unsigned at, unsigned width) {
  unsigned leaf = 0;
  for (unsigned side = leaves / 2; side > 0; side /= 2) {
    width = (width + 1) / 2;
    if (at >= width) {
      at -= width;
      leaf += side;
    }
  }
  return leaf;
}

/** The tree over all lanes of a row on the host; the kernels walk the same levels over their threads. */
inline float sum_of_lanes(float* lanes, int count) {
  for (int width = count; width > 1; width = half_of(width)) {
    const int half = half_of(width);
    for (int i = 0; i < width - half; ++i) lanes[i] = add(lanes[i], lanes[half + i]);
  }
  return lanes[0];
}

}  // namespace arfuse
