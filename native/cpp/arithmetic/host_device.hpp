#pragma once

// Arithmetic is compiled twice: by the host compiler, which proves it on any machine, and by nvcc for the GPU. Nothing in
// this folder may contract a product and a sum, or depend on fast math: both sides must give the same bits.

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#define ARFUSE_HD __host__ __device__ __forceinline__
#define ARFUSE_HD_CALL static __host__ __device__ __noinline__
#else
#define ARFUSE_HD inline
#define ARFUSE_HD_CALL inline
#endif

namespace arfuse {

ARFUSE_HD std::uint32_t bits_of(float x) {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(x);
#else
  std::uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
#endif
}

ARFUSE_HD float float_of(std::uint32_t bits) {
#if defined(__CUDA_ARCH__)
  return __uint_as_float(bits);
#else
  float x = 0.0f;
  std::memcpy(&x, &bits, sizeof x);
  return x;
#endif
}

/** `a * b` and `a + b`, each rounded: nvcc fuses them into one rounding where it may. */
ARFUSE_HD float multiply(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}

ARFUSE_HD float add(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fadd_rn(a, b);
#else
  return a + b;
#endif
}

ARFUSE_HD float divide(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fdiv_rn(a, b);
#else
  return a / b;
#endif
}

/** `1 / a`, rounded, of `a` between 2^-60 and 2^60: `__frcp_rn` without its way out, which gave its bits for each of them. */
ARFUSE_HD float reciprocal_of_ordinary(float a) {
#if defined(__CUDA_ARCH__)
  float rough;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(rough) : "f"(a));
  return __fmaf_rn(rough, __fmaf_rn(-a, rough, 1.0f), rough);
#else
  return 1.0f / a;
#endif
}

/** `a * b + c` with one rounding: for exact remainders, and where the product is exact. */
ARFUSE_HD float fused(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return __fmaf_rn(a, b, c);
#else
  return std::fma(a, b, c);
#endif
}

/** A result in float32, and whether it is sure to have the bits of a slower form. */
struct Quick {
  float value;
  bool sure;
};

ARFUSE_HD bool is_nan(float x) { return (bits_of(x) & 0x7fffffffu) > 0x7f800000u; }

ARFUSE_HD float absolute(float x) { return float_of(bits_of(x) & 0x7fffffffu); }

}  // namespace arfuse
