#pragma once

#include "formats.hpp"

namespace arfuse {

/** Whether elements are multiplied by the reciprocal of the scale, or divided by it. */
enum class ScaleForm { reciprocal, divide };

/** What a NaN becomes: it stays, or a clamp turns it into the smallest value. */
enum class Nan { propagate, lost };

/** e4m3's largest value. */
constexpr float kE4m3Max = 448.0f;

/** Whether quotients by a scale, and their remainders, stay within float32. */
ARFUSE_HD bool is_ordinary(float scale) { return scale > 0x1p-60f && scale < 0x1p60f; }

/**
 * `x / scale` of an ordinary scale, or what e4m3 rounds alike: quotients below 2^-20 are zero to it, those above 2^20 its largest
 * value.
 */
ARFUSE_HD float ordinary_quotient(float x, float scale, float reciprocal) {
  const float rough = multiply(x, reciprocal);
  // Two corrections by the exact remainder make the quotient the correctly rounded one.
  const float near = fused(fused(-rough, scale, x), reciprocal, rough);
  const float exact = fused(fused(-near, scale, x), reciprocal, near);
  const float magnitude = absolute(rough);
  return magnitude > 0x1p-20f && magnitude < 0x1p20f ? exact : rough;
}

/** Divides by one scale: exactly, and cheaply where e4m3 can tell. */
struct Divisor {
  float scale;
  bool ordinary;
  float reciprocal;

  ARFUSE_HD explicit Divisor(float by)
      : scale(by), ordinary(is_ordinary(by)), reciprocal(ordinary ? reciprocal_of_ordinary(by) : divide(1.0f, by)) {}

  ARFUSE_HD float operator()(float x) const { return ordinary ? ordinary_quotient(x, scale, reciprocal) : divide(x, scale); }
};

/** What of a value and its dequantisation scale is rounded to e4m3. */
ARFUSE_HD float e4m3_quotient(float x, const Divisor& by, ScaleForm form, Nan nan) {
  const float value = form == ScaleForm::divide ? by(x) : multiply(x, by.reciprocal);
  return nan == Nan::lost && is_nan(value) ? -kE4m3Max : value;
}

/** Below every magnitude: the largest of a block that has seen no number yet. */
constexpr float kNoMagnitude = -1.0f;

/** One step of the largest absolute value of a run: NaN stays where it propagates, and is left out where it is lost. */
ARFUSE_HD float larger_magnitude(float max, float x, Nan nan) {
  const float magnitude = absolute(x);
  if (is_nan(max)) return max;
  if (is_nan(magnitude)) return nan == Nan::propagate ? magnitude : max;
  return magnitude > max ? magnitude : max;
}

/** The same on bits, from 0: magnitudes are ordered as their bits are, NaN above all. */
ARFUSE_HD std::uint32_t larger_bits(std::uint32_t max, float x, Nan nan) {
  const std::uint32_t magnitude = bits_of(x) & 0x7fffffffu;
  if (nan == Nan::lost && magnitude > 0x7f800000u) return max;
  return magnitude > max ? magnitude : max;
}

/** `x / 448` as `/` does it, from the reciprocal: two corrections by the exact remainder. */
ARFUSE_HD Quick over_e4m3_max(float x) {
  constexpr float reciprocal = 1.0f / kE4m3Max;
  const float rough = multiply(x, reciprocal);
  const float near = fused(fused(-rough, kE4m3Max, x), reciprocal, rough);
  // Else remainders may leave float32.
  return {fused(fused(-near, kE4m3Max, x), reciprocal, near), x == 0.0f || (x > 0x1p-60f && x < 0x1p100f)};
}

/** The larger of both; NaN when `x` is. */
ARFUSE_HD float at_least(float x, float floor) {
#if defined(__CUDA_ARCH__)
  float found;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(found) : "f"(x), "f"(floor));
  return found;
#else
  return is_nan(x) || x > floor ? x : floor;
#endif
}

/** The slow form of `dynamic_scale`; a function of its own, to keep it out of the way. */
ARFUSE_HD_CALL float dynamic_scale_by_division(float max, float floor) { return at_least(divide(max, kE4m3Max), floor); }

/** Scale of a run from its largest absolute value: `max(absmax / 448, floor)`; a NaN stays NaN. */
ARFUSE_HD float dynamic_scale(float max, float floor) {
  const Quick quotient = over_e4m3_max(max);
  return quotient.sure ? at_least(quotient.value, floor) : dynamic_scale_by_division(max, floor);
}

/** The power of two at or above a scale, as UE8M0 stores it. Infinity stays infinite, although its code reads as NaN. */
ARFUSE_HD float power_of_two_scale(float scale) {
  return bits_of(scale) == 0x7f800000u ? scale : Ue8m0::decode(Ue8m0::encode_up(scale));
}

/** NVFP4: scale of a block of 16, `e4m3(global * absmax / 6)`; a block without a number has a NaN scale. */
ARFUSE_HD E4m3::Code block_scale(float max, float global) {
  if (max < 0.0f) return static_cast<E4m3::Code>(E4m3::kNan);
  return E4m3::encode(multiply(global, multiply(max, 1.0f / 6.0f)));
}

/** NVFP4: what elements of a block are multiplied by; 0 where its scale is 0. */
ARFUSE_HD float block_factor(E4m3::Code scale, float global) {
  const float value = E4m3::decode(scale);
  return value == 0.0f ? 0.0f : divide(global, value);
}

/** NVFP4: one element. */
ARFUSE_HD E2m1::Code quantise_e2m1(float x, float factor) { return E2m1::encode(multiply(x, factor)); }

}  // namespace arfuse
