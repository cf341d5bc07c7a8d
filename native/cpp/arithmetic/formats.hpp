#pragma once

#include "host_device.hpp"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#endif

namespace arfuse {

/** What a value beyond the largest finite one becomes. */
enum class Overflow { infinity, saturate };

/**
 * A binary floating-point format of at most 16 bits, converted from and to float32 by integer arithmetic alone: to
 * nearest, ties to even, subnormals kept.
 *
 * IEEE 754 (binary16, bfloat16) and the OCP 8- and 4-bit formats. `kTopIsNumber` says that codes with the largest exponent
 * are numbers, except the one with all bits set where `kHasNan`.
 */
template <typename CodeT, int kExponentBits, int kBits, Overflow kOverflow, bool kTopIsNumber, bool kHasNan>
struct Format {
  using Code = CodeT;

  static constexpr int kMinExponent = 2 - (1 << (kExponentBits - 1));
  static constexpr std::uint32_t kTop = (1u << kExponentBits) - 1;
  static constexpr std::uint32_t kSign = 1u << (kExponentBits + kBits);
  /** Code of the largest finite value. */
  static constexpr std::uint32_t kMax =
      kTopIsNumber ? (kTop << kBits) + ((1u << kBits) - 1) - (kHasNan ? 1 : 0) : (kTop << kBits) - 1;
  static constexpr std::uint32_t kInfinity = kTop << kBits;
  /** NaN as the GPU's conversions write it: all bits but the sign; the largest value where the format has none. */
  static constexpr std::uint32_t kNan = kHasNan ? kSign - 1 : kMax;

  ARFUSE_HD static Code encode(float x) {
    const std::uint32_t raw = bits_of(x);
    const std::uint32_t sign = (raw >> 31) != 0 ? kSign : 0;
    const std::uint32_t magnitude = raw & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return static_cast<Code>(kNan);
    if (magnitude == 0x7f800000u) return static_cast<Code>(sign | overflow());
    const int field = static_cast<int>(magnitude >> 23);
    const int exponent = field == 0 ? -126 : field - 127;
    const std::uint32_t significand = (magnitude & 0x7fffffu) | (field == 0 ? 0u : 0x800000u);
    const int deficit = exponent < kMinExponent ? kMinExponent - exponent : 0;
    const int shift = 23 - kBits + deficit;
    // The whole significand is below half a quantum.
    if (shift > 24) return static_cast<Code>(sign);
    // A carry out of the significand moves on into the exponent by itself.
    const auto above = static_cast<std::uint32_t>(deficit > 0 ? 0 : exponent - kMinExponent);
    const std::uint32_t code = rounded(significand, shift) + (above << kBits);
    return static_cast<Code>(sign | (code > kMax ? overflow() : code));
  }

  ARFUSE_HD static float decode(Code code) {
    const std::uint32_t raw = code;
    const std::uint32_t sign = (raw & kSign) != 0 ? 0x80000000u : 0u;
    const std::uint32_t magnitude = raw & (kSign - 1);
    const std::uint32_t field = magnitude >> kBits;
    const std::uint32_t significand = magnitude & ((1u << kBits) - 1);
    if (field == kTop && !kTopIsNumber)
      return float_of(significand == 0 ? (sign | 0x7f800000u) : 0x7fc00000u);
    if (kTopIsNumber && kHasNan && magnitude > kMax) return float_of(0x7fc00000u);
    if (field == 0) {
      const float value = multiply(static_cast<float>(significand), power_of_two(kMinExponent - kBits));
      return float_of(bits_of(value) | sign);
    }
    const int exponent = static_cast<int>(field) - 1 + kMinExponent;
    return float_of(sign | (static_cast<std::uint32_t>(exponent + 127) << 23) | (significand << (23 - kBits)));
  }

  /** `decode(encode(x))`. */
  ARFUSE_HD static float round(float x) { return decode(encode(x)); }

 private:
  ARFUSE_HD static std::uint32_t overflow() { return kOverflow == Overflow::infinity ? kInfinity : kMax; }

  ARFUSE_HD static std::uint32_t rounded(std::uint32_t significand, int shift) {
    const std::uint32_t kept = significand >> shift;
    const std::uint32_t rest = significand & ((1u << shift) - 1);
    const std::uint32_t half = 1u << (shift - 1);
    return kept + ((rest > half || (rest == half && (kept & 1u) != 0)) ? 1u : 0u);
  }

  /** 2^e for a normal or subnormal float32. */
  ARFUSE_HD static float power_of_two(int exponent) {
    return exponent >= -126 ? float_of(static_cast<std::uint32_t>(exponent + 127) << 23)
                            : float_of(1u << (exponent + 149));
  }
};

using SoftBf16 = Format<std::uint16_t, 8, 7, Overflow::infinity, false, true>;
using SoftF16 = Format<std::uint16_t, 5, 10, Overflow::infinity, false, true>;
using SoftE4m3 = Format<std::uint8_t, 4, 3, Overflow::saturate, true, true>;
using E5m2 = Format<std::uint8_t, 5, 2, Overflow::infinity, false, true>;
using E2m1 = Format<std::uint8_t, 2, 1, Overflow::saturate, true, false>;

// On the GPU the common formats are converted by its own instructions, which give the same bits.

struct Bf16 : SoftBf16 {
  ARFUSE_HD static Code encode(float x) {
#if defined(__CUDA_ARCH__)
    return __bfloat16_as_ushort(__float2bfloat16_rn(x));
#else
    return SoftBf16::encode(x);
#endif
  }
  ARFUSE_HD static float decode(Code code) { return float_of(static_cast<std::uint32_t>(code) << 16); }
  ARFUSE_HD static float round(float x) { return decode(encode(x)); }
};

struct F16 : SoftF16 {
  ARFUSE_HD static Code encode(float x) {
#if defined(__CUDA_ARCH__)
    return __half_as_ushort(__float2half_rn(x));
#else
    return SoftF16::encode(x);
#endif
  }
  ARFUSE_HD static float decode(Code code) {
#if defined(__CUDA_ARCH__)
    return __half2float(__ushort_as_half(code));
#else
    return SoftF16::decode(code);
#endif
  }
  ARFUSE_HD static float round(float x) { return decode(encode(x)); }
};

struct E4m3 : SoftE4m3 {
  ARFUSE_HD static Code encode(float x) {
#if defined(__CUDA_ARCH__)
    return __nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E4M3);
#else
    return SoftE4m3::encode(x);
#endif
  }
};

/** float32 as a format of itself, for code that is written over all activation dtypes. */
struct F32 {
  using Code = std::uint32_t;
  ARFUSE_HD static Code encode(float x) { return is_nan(x) ? 0x7fc00000u : bits_of(x); }
  ARFUSE_HD static float decode(Code code) { return float_of(code); }
  ARFUSE_HD static float round(float x) { return x; }
};

/** UE8M0: powers of two from 2^-127 to 2^127, code 255 is NaN. */
struct Ue8m0 {
  using Code = std::uint8_t;

  /** The next power of two at or above a positive value, held within the format; NaN for what is no positive number. */
  ARFUSE_HD static Code encode_up(float x) {
    const std::uint32_t raw = bits_of(x);
    if (raw == 0 || raw == 0x80000000u) return 0;
    if ((raw >> 31) != 0 || raw >= 0x7f800000u) return 255;
    const std::uint32_t field = raw >> 23;
    const std::uint32_t significand = raw & 0x7fffffu;
    // A subnormal of more than 2^-127 goes up to 2^-126.
    if (field == 0) return significand > 0x400000u ? 1 : 0;
    const std::uint32_t up = significand == 0 ? field : field + 1;
    return static_cast<Code>(up > 254 ? 254 : up);
  }

  ARFUSE_HD static float decode(Code code) {
    if (code == 255) return float_of(0x7fc00000u);
    return code == 0 ? float_of(0x400000u) : float_of(static_cast<std::uint32_t>(code) << 23);
  }
};

}  // namespace arfuse
