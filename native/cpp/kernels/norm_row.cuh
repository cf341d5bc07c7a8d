#pragma once

#include "dependent_launch.cuh"
#include "norm_row.hpp"
#include "row_tail.cuh"
#include "row_tree.cuh"
#include "vector.cuh"

namespace arfuse {

/** Threads of a multiprocessor that hold `words` words of a row each: what their registers leave room for. */
constexpr int resident_threads(int words) { return words <= 4 ? 2048 : words <= 8 ? 1536 : words <= 16 ? 1024 : 512; }

constexpr int resident_blocks(int words, int threads) {
  return resident_threads(words) > threads ? resident_threads(words) / threads : 1;
}

template <typename T, Gain kGain>
__device__ __forceinline__ void norm_vector(Vector<T>& value, const Vector<T>& weight, float scale, float bias) {
  float x[kLane];
  float gain[kLane];
  decode(value, x);
  decode(weight, gain);
#pragma unroll
  for (int i = 0; i < kLane; ++i) x[i] = multiply(x[i], scale);
  if constexpr (kGain == Gain::after) decode(encode<T>(x), x);
#pragma unroll
  for (int i = 0; i < kLane; ++i) x[i] = multiply(x[i], kGain == Gain::with_bias ? add(bias, gain[i]) : gain[i]);
  value = encode<T>(x);
}

template <typename T, Gain kGain, int kVectors>
__device__ __forceinline__ void norm_vectors(Vector<T> (&value)[kVectors], const Vector<T> (&weight)[kVectors], float scale, float bias) {
#pragma unroll
  for (int j = 0; j < kVectors; ++j) norm_vector<T, kGain>(value[j], weight[j], scale, bias);
}

/**
 * Rows of the runs that models have most: one block per row, one pass over memory. Vector `j` of thread `t` is lane
 * `t + j * workers` of the row, so that the first levels of the tree stay within a thread.
 */
template <typename T, int kVectors, int kLeaves, RowTail kTail, Gain kGain>
__global__ void __launch_bounds__(kLeaves, resident_blocks(kVectors * Vector<T>::kWords, kLeaves))
    norm_row_kernel(const __grid_constant__ NormRowParams params) {
  extern __shared__ float words[];
  await_earlier_kernels();
  const unsigned workers = params.workers;
  const bool works = threadIdx.x < workers;
  // Threads that only fill up the last warp read what the last worker reads, and store nothing.
  unsigned first = works ? threadIdx.x : workers - 1;
  unsigned start = blockIdx.x * params.lanes + first;

  Vector<T> value[kVectors];
  Vector<T> given[kVectors];
  Vector<T> weight[kVectors];
#pragma unroll
  for (int j = 0; j < kVectors; ++j) value[j] = load_lane<T>(params.x, start + j * workers);
  const bool adds = params.residual != nullptr;
  if (adds) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) given[j] = load_lane<T>(params.residual, start + j * workers);
  }
#pragma unroll
  for (int j = 0; j < kVectors; ++j) weight[j] = load_lane<T>(params.weight, first + j * workers);
  // Else they would be computed anew, from registers that are slow to read.
  asm volatile("" : "+r"(first), "+r"(start));
  const float scale_in = kTail == RowTail::fp8_static ? *params.quant.scale_in : 1.0f;
  // Of many rows, blocks of the next kernel would fill multiprocessors unevenly while this one still has most of them.
  if (gridDim.x <= kFewRows) admit_later_kernels();
  const RowTree<kLeaves> tree(words, workers);

  if (adds) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) value[j] = sum_of(value[j], given[j]);
    if (works && params.residual_out != nullptr) {
#pragma unroll
      for (int j = 0; j < kVectors; ++j) store_lane(params.residual_out, start + j * workers, value[j]);
    }
  }
  float sums[kVectors];
#pragma unroll
  for (int j = 0; j < kVectors; ++j) {
    forget(value[j]);
    sums[j] = squares_of(value[j]);
  }
  fold_tree<kVectors / 2>(sums);
  const float scale = tree.inverse_rms_of(sums[0], works, params.mean, params.eps);
  admit_later_kernels();
#pragma unroll
  for (int j = 0; j < kVectors; ++j) {
    forget(value[j]);
    forget(weight[j]);
  }

  norm_vectors<T, kGain>(value, weight, scale, params.weight_bias);
  if (works && params.out != nullptr) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) store_lane(params.out, start + j * workers, value[j]);
  }
  if constexpr (kTail != RowTail::none) {
    const RowPlace place{start, first, workers, works};
    quantise_row<T, kVectors, kTail>(value, params, scale_in, place, tree.spare(words));
  }
}

}  // namespace arfuse
