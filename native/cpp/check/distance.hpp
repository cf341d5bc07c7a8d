#pragma once

#include <cmath>

#include "../arithmetic/formats.hpp"
#include "comparison.hpp"

namespace arfuse {

constexpr std::uint32_t kFarthest = 0xffffffffu;

/** Class of a distance: 0, 1, 2, up to 4, 16, 256, 65,536, and beyond. */
ARFUSE_HD int ulp_class(std::uint32_t ulps) {
  constexpr std::uint32_t most[kUlpClasses - 1] = {0, 1, 2, 4, 16, 256, 65'536};
  int at = 0;
  while (at < kUlpClasses - 1 && ulps > most[at]) ++at;
  return at;
}

ARFUSE_HD float decoded(CodeFormat format, std::uint32_t code) {
  switch (format) {
    case CodeFormat::bf16:
      return Bf16::decode(static_cast<Bf16::Code>(code));
    case CodeFormat::f16:
      return F16::decode(static_cast<F16::Code>(code));
    case CodeFormat::f32:
      return F32::decode(code);
    case CodeFormat::e4m3:
      return E4m3::decode(static_cast<E4m3::Code>(code));
    case CodeFormat::e2m1:
      return E2m1::decode(static_cast<E2m1::Code>(code));
    case CodeFormat::ue8m0:
      return Ue8m0::decode(static_cast<Ue8m0::Code>(code));
    default:
      return static_cast<float>(code);
  }
}

/** A code's place among its format's values: magnitudes are ordered as their bits are. */
ARFUSE_HD std::int64_t place_of(CodeFormat format, std::uint32_t code) {
  std::uint32_t sign = 0;
  if (format == CodeFormat::bf16 || format == CodeFormat::f16) sign = 0x8000u;
  if (format == CodeFormat::f32) sign = 0x80000000u;
  if (format == CodeFormat::e4m3) sign = 0x80u;
  if (format == CodeFormat::e2m1) sign = 0x8u;
  const auto magnitude = static_cast<std::int64_t>(code & ~sign);
  return (code & sign) != 0 ? -magnitude : magnitude;
}

/** Values between two codes: 0 for equal ones, ±0, and NaN against NaN; the farthest for a NaN against a number. */
ARFUSE_HD std::uint32_t ulps_between(CodeFormat format, std::uint32_t x, std::uint32_t y) {
  const bool nan_x = is_nan(decoded(format, x));
  const bool nan_y = is_nan(decoded(format, y));
  if (nan_x || nan_y) return nan_x && nan_y ? 0 : kFarthest;
  const std::int64_t distance = place_of(format, x) - place_of(format, y);
  return static_cast<std::uint32_t>(distance < 0 ? -distance : distance);
}

/** Distance to the next larger magnitude of e4m3 or e2m1, at a value. */
ARFUSE_HD double step_at(CodeFormat format, double value) {
  const int bits = format == CodeFormat::e2m1 ? 1 : 3;
  const int least = format == CodeFormat::e2m1 ? 0 : -6;
  const int exponent = value == 0.0 ? least : std::ilogb(value);
  return std::ldexp(1.0, (exponent > least ? exponent : least) - bits);
}

/** Distance of two scaled codes in steps of the coarser one. */
ARFUSE_HD std::uint32_t scaled_steps(CodeFormat format, float x, float y, float scale_x, float scale_y) {
  const double p = static_cast<double>(x) * scale_x;
  const double q = static_cast<double>(y) * scale_y;
  if (p == q || (p != p && q != q)) return 0;
  const double step = std::fmax(step_at(format, x) * std::fabs(scale_x), step_at(format, y) * std::fabs(scale_y));
  const double steps = std::floor(std::fabs(p - q) / step + 0.5);
  return steps < 4294967295.0 ? static_cast<std::uint32_t>(steps) : kFarthest;
}

/** The scale of an element; `rows` is how many the layout is made for. */
ARFUSE_HD float scale_of(const ScaledCodesParams& scaled, const void* scales, std::int64_t element, std::int64_t rows) {
  const std::int64_t row = element / scaled.hidden;
  const std::int64_t group = element % scaled.hidden / scaled.group;
  const std::int64_t groups = scaled.hidden / scaled.group;
  std::int64_t at = row * groups + group;
  if (scaled.layout == ScaleLayout::column_major) at = group * rows + row;
  if (scaled.layout == ScaleLayout::column_major_packed) at = packed_scale_offset(row, group, rows);
  if (scaled.layout == ScaleLayout::swizzled_128x4) at = swizzled_scale_offset(row, group, groups);
  if (scaled.dtype == ScaleDtype::f32) return static_cast<const float*>(scales)[at];
  const auto code = static_cast<const std::uint8_t*>(scales)[at];
  return scaled.dtype == ScaleDtype::ue8m0 ? Ue8m0::decode(code) : E4m3::decode(code);
}

}  // namespace arfuse
