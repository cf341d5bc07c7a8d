#pragma once

#include "../launch/norm_geometry.hpp"

// Reductions over the row of a block. Blocks are whole warps.

namespace arfuse {

constexpr unsigned kWholeWarp = 0xffffffffu;
/** Warps up to which each of them walks the tree for itself, which saves a barrier. */
constexpr int kWarpsThatRepeat = 8;

/** What stands at `at` after `kLevels` levels of the tree of `sum_of_lanes` over `width` words. */
template <int kLevels>
__device__ __forceinline__ float after_levels(const float* words, int at, int width) {
  if constexpr (kLevels == 0) {
    return words[at];
  } else {
    int last = width;
#pragma unroll
    for (int i = 1; i < kLevels; ++i) last = half_of(last);
    const float sum = after_levels<kLevels - 1>(words, at, width);
    const int other = at + half_of(last);
    return other < last ? add(sum, after_levels<kLevels - 1>(words, other, width)) : sum;
  }
}

/** The root of the tree over at most 1,024 words, to every thread of the warp that asks. */
__device__ __forceinline__ float tree_of_words(const float* words, int width) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  int levels = 0;
  int rest = width;
  for (; rest > 32; rest = half_of(rest)) ++levels;
  float sum;
  switch (levels) {
    case 0:
      sum = after_levels<0>(words, lane, width);
      break;
    case 1:
      sum = after_levels<1>(words, lane, width);
      break;
    case 2:
      sum = after_levels<2>(words, lane, width);
      break;
    case 3:
      sum = after_levels<3>(words, lane, width);
      break;
    case 4:
      sum = after_levels<4>(words, lane, width);
      break;
    default:
      sum = after_levels<5>(words, lane, width);
  }
  for (; rest > 1; rest = half_of(rest)) {
    const int half = half_of(rest);
    const float other = __shfl_down_sync(kWholeWarp, sum, half);
    if (lane + half < rest) sum = add(sum, other);
  }
  return __shfl_sync(kWholeWarp, sum, 0);
}

/**
 * `inverse_rms` of a row from the sums of its lanes, in the tree order of `sum_of_lanes`; every thread gets it. Vector `j` of
 * thread `t` is lane `t + j * workers`. The words in shared memory may be written again behind a barrier only.
 */
template <int kVectors>
__device__ float inverse_rms_of_row(float (&lane)[kVectors], int lanes, int workers, bool exact, int hidden, float eps,
                                    float* words, float* spare) {
  const int threads = static_cast<int>(blockDim.x);
  const int thread = static_cast<int>(threadIdx.x);
  int width = exact ? workers : lanes;
  float* const result = spare + 32;
  if (exact) {
#pragma unroll
    for (int half = kVectors / 2; half > 0; half /= 2) {
#pragma unroll
      for (int j = 0; j < half; ++j) lane[j] = add(lane[j], lane[half + j]);
    }
    if (thread < workers) words[thread] = lane[0];
  } else {
#pragma unroll
    for (int j = 0; j < kVectors; ++j)
      if (thread + j * workers < lanes) words[thread + j * workers] = lane[j];
  }
  __syncthreads();
  for (; width > 1024; width = half_of(width)) {
    const int half = half_of(width);
    for (int i = thread; i < width - half; i += threads) words[i] = add(words[i], words[half + i]);
    __syncthreads();
  }
  if (threads <= 32 * kWarpsThatRepeat) return inverse_rms(tree_of_words(words, width), hidden, eps);
  if (thread < 32) *result = inverse_rms(tree_of_words(words, width), hidden, eps);
  __syncthreads();
  return *result;
}

/** Largest of all threads' bits; `words` are the 32 spare ones. */
__device__ __forceinline__ unsigned row_max(unsigned bits, unsigned* words) {
  const int thread = static_cast<int>(threadIdx.x);
  bits = __reduce_max_sync(kWholeWarp, bits);
  if (thread % 32 == 0) words[thread / 32] = bits;
  __syncthreads();
  return __reduce_max_sync(kWholeWarp, thread % 32 < static_cast<int>(blockDim.x) / 32 ? words[thread % 32] : 0u);
}

/** Largest bits over the `lanes` neighbouring threads that share a scale; `lanes` is a power of two, all of them active. */
__device__ __forceinline__ unsigned group_max(unsigned bits, int lanes) {
  const unsigned active = __activemask();
  for (int offset = 1; offset < lanes; offset *= 2) {
    const unsigned other = __shfl_xor_sync(active, bits, offset);
    bits = bits > other ? bits : other;
  }
  return bits;
}

}  // namespace arfuse
