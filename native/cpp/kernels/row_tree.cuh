#pragma once

#include "../arithmetic/norm.hpp"
#include "row_reduction.cuh"

// The inverse RMS of a row from its lanes' sums of squares. Blocks are whole warps.

namespace arfuse {

/** Leaves up to which every warp walks the tree for itself, which saves a barrier. */
constexpr int kLeavesOfAll = 256;

// Addresses in shared memory are kept as 32 bits: made from a pointer, they would be made anew behind every barrier.

__device__ __forceinline__ void put_word(unsigned at, float x) { asm volatile("st.shared.f32 [%0], %1;" : : "r"(at), "f"(x) : "memory"); }

__device__ __forceinline__ float get_word(unsigned at) {
  float x;
  asm volatile("ld.shared.f32 %0, [%1];" : "=f"(x) : "r"(at) : "memory");
  return x;
}

/** The levels of a perfect tree over the first `2 * kHalf` words, to the first of them. A loop of loops would not be unrolled. */
template <int kHalf, int kCount>
__device__ __forceinline__ void fold_tree(float (&words)[kCount]) {
  if constexpr (kHalf > 0) {
#pragma unroll
    for (int i = 0; i < kHalf; ++i) words[i] = add(words[i], words[kHalf + i]);
    fold_tree<kHalf / 2>(words);
  }
}

/** The tree of `sum_of_lanes` as a perfect one of `kLeaves` in shared memory; see `leaf_of`. */
template <int kLeaves>
class RowTree {
 public:
  /** Made while the row is on its way: it zeroes the leaves that no thread has. */
  __device__ __forceinline__ RowTree(float* words, unsigned workers) {
    base_ = static_cast<unsigned>(__cvta_generic_to_shared(words));
    asm volatile("" : "+r"(base_));
    mine_ = base_ + 4 * threadIdx.x;
    if (workers == kLeaves) return;
    for (unsigned at = threadIdx.x; at < kLeaves; at += blockDim.x) put_word(base_ + 4 * at, 0.0f);
    mine_ = base_ + 4 * leaf_of(kLeaves, threadIdx.x, workers);
    __syncthreads();
  }

  /** `1 / sqrt(mean + eps)` of the row, to every thread. */
  __device__ __forceinline__ float inverse_rms_of(float sum, bool works, const Mean& mean, float eps) const {
    if (works) put_word(mine_, sum);
    __syncthreads();
    if constexpr (kLeaves <= kLeavesOfAll) {
      return inverse_rms(root(), mean, eps);
    } else {
      const unsigned result = base_ + 4 * (kLeaves + 32);
      if (threadIdx.x < 32) put_word(result, inverse_rms(root(), mean, eps));
      __syncthreads();
      return get_word(result);
    }
  }

  __device__ __forceinline__ unsigned* spare(float* words) const { return reinterpret_cast<unsigned*>(words + kLeaves); }

 private:
  /** Lanes of a warp are the last five turns, so that the other turns are other words of a lane. */
  __device__ __forceinline__ float root() const {
    constexpr int kHalf = kLeaves / 64;
    const unsigned mine = base_ + 4 * (threadIdx.x % 32);
    float leaf[kHalf];
#pragma unroll
    for (int i = 0; i < kHalf; ++i) leaf[i] = add(get_word(mine + 128 * i), get_word(mine + 128 * (kHalf + i)));
    fold_tree<kHalf / 2>(leaf);
    float sum = leaf[0];
#pragma unroll
    for (int offset = 16; offset > 0; offset /= 2) sum = add(sum, __shfl_xor_sync(kWholeWarp, sum, offset));
    return sum;
  }

  unsigned base_;
  unsigned mine_;
};

}  // namespace arfuse
