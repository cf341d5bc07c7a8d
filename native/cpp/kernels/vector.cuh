#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include "norm_params.hpp"

namespace arfuse {

/** Eight neighbouring elements of a row as they lie in memory: whole words, since half registers cost instructions. */
template <typename T>
struct alignas(16) Vector {
  static constexpr int kWords = sizeof(typename T::Code) * kLane / 4;
  unsigned word[kWords];
};

template <typename T>
__device__ __forceinline__ Vector<T> load(const void* base, std::int64_t at) {
  Vector<T> found;
  const auto* from = reinterpret_cast<const uint4*>(static_cast<const typename T::Code*>(base) + at);
#pragma unroll
  for (int i = 0; i < Vector<T>::kWords / 4; ++i) reinterpret_cast<uint4*>(&found)[i] = from[i];
  return found;
}

template <typename T>
__device__ __forceinline__ void store(void* base, std::int64_t at, const Vector<T>& packed) {
  auto* to = reinterpret_cast<uint4*>(static_cast<typename T::Code*>(base) + at);
#pragma unroll
  for (int i = 0; i < Vector<T>::kWords / 4; ++i) to[i] = reinterpret_cast<const uint4*>(&packed)[i];
}

/** Lane `lane` of a tensor: elements `8 * lane` and on. */
template <typename T>
__device__ __forceinline__ Vector<T> load_lane(const void* base, unsigned lane) {
  return static_cast<const Vector<T>*>(base)[lane];
}

template <typename T>
__device__ __forceinline__ void store_lane(void* base, unsigned lane, const Vector<T>& packed) {
  auto* const to = reinterpret_cast<uint4*>(static_cast<Vector<T>*>(base) + lane);
#pragma unroll
  for (int i = 0; i < Vector<T>::kWords / 4; ++i) to[i] = reinterpret_cast<const uint4*>(&packed)[i];
}

/** Hides what the words hold from the compiler, which else keeps elements from one decoding to the next, and spills. */
template <typename T>
__device__ __forceinline__ void forget(Vector<T>& value) {
#pragma unroll
  for (unsigned& word : value.word) asm volatile("" : "+r"(word));
}

__device__ __forceinline__ void decode(const Vector<F32>& packed, float (&value)[kLane]) {
#pragma unroll
  for (int i = 0; i < kLane; ++i) value[i] = F32::decode(packed.word[i]);
}

__device__ __forceinline__ void decode(const Vector<Bf16>& packed, float (&value)[kLane]) {
#pragma unroll
  for (int i = 0; i < kLane; i += 2) {
    value[i] = float_of(packed.word[i / 2] << 16);
    value[i + 1] = float_of(packed.word[i / 2] & 0xffff0000u);
  }
}

__device__ __forceinline__ void decode(const Vector<F16>& packed, float (&value)[kLane]) {
#pragma unroll
  for (int i = 0; i < kLane; i += 2) {
    const float2 pair = __half22float2(*reinterpret_cast<const __half2*>(&packed.word[i / 2]));
    value[i] = pair.x;
    value[i + 1] = pair.y;
  }
}

/** `T::encode` of two neighbours, as one word. */
template <typename T>
__device__ __forceinline__ unsigned encode_pair(float low, float high);

template <>
__device__ __forceinline__ unsigned encode_pair<Bf16>(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&pair);
}

template <>
__device__ __forceinline__ unsigned encode_pair<F16>(float low, float high) {
  const __half2 pair = __floats2half2_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&pair);
}

/** `T::encode` of each element; two at a time where two share a word. */
template <typename T>
__device__ __forceinline__ Vector<T> encode(const float (&value)[kLane]) {
  constexpr int kPerWord = kLane / Vector<T>::kWords;
  Vector<T> packed;
#pragma unroll
  for (int i = 0; i < kLane; i += kPerWord) {
    if constexpr (kPerWord == 1) packed.word[i] = T::encode(value[i]);
    else packed.word[i / 2] = encode_pair<T>(value[i], value[i + 1]);
  }
  return packed;
}

/**
 * `x + y` of each element, rounded to the dtype. Pairs of 16 bits in one instruction: what float32 would lose of such a sum is
 * less than a quarter of its last bit in 16, so that one rounding gives the bits of two.
 */
template <typename T>
__device__ __forceinline__ Vector<T> sum_of(const Vector<T>& x, const Vector<T>& y);

template <>
__device__ __forceinline__ Vector<F32> sum_of(const Vector<F32>& x, const Vector<F32>& y) {
  Vector<F32> sum;
#pragma unroll
  for (int i = 0; i < kLane; ++i) sum.word[i] = F32::encode(add(F32::decode(x.word[i]), F32::decode(y.word[i])));
  return sum;
}

template <>
__device__ __forceinline__ Vector<Bf16> sum_of(const Vector<Bf16>& x, const Vector<Bf16>& y) {
  Vector<Bf16> sum;
#pragma unroll
  for (int i = 0; i < Vector<Bf16>::kWords; ++i) {
    const __nv_bfloat162 pair = __hadd2_rn(*reinterpret_cast<const __nv_bfloat162*>(&x.word[i]),
                                           *reinterpret_cast<const __nv_bfloat162*>(&y.word[i]));
    sum.word[i] = *reinterpret_cast<const unsigned*>(&pair);
  }
  return sum;
}

template <>
__device__ __forceinline__ Vector<F16> sum_of(const Vector<F16>& x, const Vector<F16>& y) {
  Vector<F16> sum;
#pragma unroll
  for (int i = 0; i < Vector<F16>::kWords; ++i) {
    const __half2 pair = __hadd2_rn(*reinterpret_cast<const __half2*>(&x.word[i]), *reinterpret_cast<const __half2*>(&y.word[i]));
    sum.word[i] = *reinterpret_cast<const unsigned*>(&pair);
  }
  return sum;
}

/**
 * The squares of eight elements, added in order. Squares of 16 bits are exact in float32, so that the fused form has the bits
 * of the other; where they underflow it may not, see `kLeastEps`.
 */
template <typename T>
__device__ __forceinline__ float squares_of(const Vector<T>& value) {
  float x[kLane];
  decode(value, x);
  float total = multiply(x[0], x[0]);
#pragma unroll
  for (int i = 1; i < kLane; ++i) total = sizeof(typename T::Code) == 2 ? fused(x[i], x[i], total) : add(total, multiply(x[i], x[i]));
  return total;
}

/** Largest magnitudes of 16-bit elements as they are gathered: codes without their signs are ordered as their values, NaN above all. */
template <typename T>
struct Peak {
  static_assert(sizeof(typename T::Code) == 2);
  /** Two of them. */
  unsigned codes = 0;

  __device__ __forceinline__ void raise(unsigned other) { codes = __vmaxu2(codes, other); }

  __device__ __forceinline__ void raise(const Vector<T>& value) {
#pragma unroll
    for (const unsigned word : value.word) raise(word & 0x7fff7fffu);
  }

  /** The larger of the two, twice. */
  __device__ __forceinline__ unsigned folded() const { return __vmaxu2(codes, __byte_perm(codes, 0, 0x1032)); }

  /** As float32. */
  __device__ __forceinline__ float value() const { return T::decode(static_cast<typename T::Code>(folded())); }
};

/** `E4m3::encode` of eight elements, two at a time. */
__device__ __forceinline__ uint2 encode_e4m3(const float (&value)[kLane]) {
  unsigned pair[kLane / 2];
#pragma unroll
  for (int i = 0; i < kLane; i += 2)
    pair[i / 2] = __nv_cvt_float2_to_fp8x2(make_float2(value[i], value[i + 1]), __NV_SATFINITE, __NV_E4M3);
  return make_uint2(pair[0] | pair[1] << 16, pair[2] | pair[3] << 16);
}

/** Eight weights or biases as float32, whatever their dtype. */
__device__ __forceinline__ void load_floats(const void* base, Dtype dtype, std::int64_t at, float (&value)[kLane]) {
  if (dtype == Dtype::f32) decode(load<F32>(base, at), value);
  else if (dtype == Dtype::bf16) decode(load<Bf16>(base, at), value);
  else decode(load<F16>(base, at), value);
}

}  // namespace arfuse
