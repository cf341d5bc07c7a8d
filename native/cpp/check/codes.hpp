#pragma once

#include "../arithmetic/host_device.hpp"
#include "../kernels/norm_params.hpp"

namespace arfuse {

/** What made-up values look like; `@arfuse/conformance` says it in full and makes the same. */
enum class CodesKind : std::int32_t { usual = 0, special = 1, integers = 2, vector = 3 };

/** Made-up values `[rows, hidden]` from row `row` on: each a function of seed, stream and place. */
struct CodesSpec {
  Dtype dtype = Dtype::bf16;
  CodesKind kind = CodesKind::usual;
  std::uint32_t seed = 0;
  std::uint32_t stream = 0;
  std::int32_t hidden = 0;
  std::int32_t row = 0;
};

/** How a dtype's codes are made. */
struct CodesFormat {
  int mantissa;
  std::uint32_t least;
  std::uint32_t large;
  std::uint32_t tiny;
  std::uint32_t sign;
  std::uint32_t infinity;
  std::uint32_t nan;
  std::uint32_t bias;
};

ARFUSE_HD CodesFormat codes_format(Dtype dtype) {
  switch (dtype) {
    case Dtype::bf16:
      return {7, 120, 40, 60, 0x8000u, 0x7f80u, 0x7fc0u, 127};
    case Dtype::f16:
      return {10, 8, 5, 7, 0x8000u, 0x7c00u, 0x7e00u, 15};
    default:
      return {23, 120, 40, 60, 0x80000000u, 0x7f800000u, 0x7fc00000u, 127};
  }
}

/** One word from another: the finaliser of splitmix32. */
ARFUSE_HD std::uint32_t mixed(std::uint32_t z) {
  z = (z ^ (z >> 16)) * 0x21f0aaadu;
  z = (z ^ (z >> 15)) * 0x735a2d97u;
  return z ^ (z >> 15);
}

constexpr std::uint32_t kGolden = 0x9e3779b9u;
constexpr std::uint32_t kCodesExponents = 10;

/** Streams of the first two ranks' first partials. */
constexpr std::uint32_t kFirstPartial = 0;
constexpr std::uint32_t kSecondPartial = 2;

/** The code of a whole number from 0 to 15. */
ARFUSE_HD std::uint32_t integer_code(const CodesFormat& format, std::uint32_t value) {
  if (value == 0) return 0;
  std::uint32_t exponent = 0;
  while ((value >> (exponent + 1)) != 0) ++exponent;
  const auto shift = static_cast<std::uint32_t>(format.mantissa) - exponent;
  return ((exponent + format.bias) << format.mantissa) + ((value - (1u << exponent)) << shift);
}

/** The NaN or infinity of a place in a row of special values; 0 elsewhere, which none of them is. */
ARFUSE_HD std::uint32_t special_code(const CodesSpec& spec, const CodesFormat& format, std::uint32_t chosen, std::int32_t column) {
  if (static_cast<std::uint32_t>(column) != (chosen >> 12) % static_cast<std::uint32_t>(spec.hidden)) return 0;
  const std::uint32_t what = (chosen >> 8) & 3u;
  const bool turn = spec.stream == (((chosen >> 10) & 1u) != 0 ? kSecondPartial : kFirstPartial);
  if (what == 1 && turn) return format.nan;
  if (what == 2 && turn) return format.infinity;
  if (what == 3 && spec.stream == kFirstPartial) return format.infinity;
  if (what == 3 && spec.stream == kSecondPartial) return format.sign + format.infinity;
  return 0;
}

/** The code at a row (counted from the tensor's first) and a column. */
ARFUSE_HD std::uint32_t code_at(const CodesSpec& spec, std::int32_t row, std::int32_t column) {
  const CodesFormat format = codes_format(spec.dtype);
  const bool shifts = spec.kind == CodesKind::usual || spec.kind == CodesKind::special;
  const std::uint32_t chosen = mixed(mixed(spec.seed ^ 0x52a6b3c1u) + static_cast<std::uint32_t>(row) * 0x85ebca6bu);
  if (spec.kind == CodesKind::special)
    if (const std::uint32_t found = special_code(spec, format, chosen, column); found != 0) return found;
  const std::uint32_t row_kind = shifts ? chosen & 15u : 15u;
  if (row > 0 && row_kind == 2) return 0;
  if (row > 0 && row_kind == 3) return format.sign;
  const std::uint32_t key = mixed(spec.seed + (spec.stream + 1u) * kGolden);
  const std::uint32_t at = static_cast<std::uint32_t>(row) * static_cast<std::uint32_t>(spec.hidden) + static_cast<std::uint32_t>(column);
  const std::uint32_t word = mixed(key + at * kGolden);
  const std::uint32_t top = word >> 24;
  const std::uint32_t negative = ((word >> 23) & 1u) != 0 ? format.sign : 0;
  const std::uint32_t low = word & ((1u << format.mantissa) - 1u);
  if (spec.kind == CodesKind::integers) return negative + integer_code(format, top % 16u);
  if (shifts && top >= 254) return format.sign;
  if (shifts && top == 253) return negative + (low | 1u);
  const std::uint32_t shift = row_kind == 0 ? format.large : row_kind == 1 ? 0u - format.tiny : 0u;
  return negative + ((format.least + top % kCodesExponents + shift) << format.mantissa) + low;
}

}  // namespace arfuse
