#pragma once

#include "formats.hpp"

namespace arfuse {

/** Whether elements are multiplied by the reciprocal of the scale, or divided by it. */
enum class ScaleForm { reciprocal, divide };

/** What a NaN becomes: it stays, or a clamp turns it into the smallest value. */
enum class Nan { propagate, lost };

/** e4m3's largest value. */
constexpr float kE4m3Max = 448.0f;

/** One e4m3 element of a value and its dequantisation scale. */
ARFUSE_HD E4m3::Code quantise_e4m3(float x, float scale, float reciprocal, ScaleForm form, Nan nan) {
  const float value = form == ScaleForm::divide ? divide(x, scale) : multiply(x, reciprocal);
  if (nan == Nan::lost && is_nan(value)) return E4m3::encode(-kE4m3Max);
  return E4m3::encode(value);
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

/** Scale of a run from its largest absolute value: `max(absmax / 448, floor)`; a NaN stays NaN. */
ARFUSE_HD float dynamic_scale(float max, float floor) {
  const float quotient = divide(max, kE4m3Max);
  return is_nan(quotient) || quotient > floor ? quotient : floor;
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
