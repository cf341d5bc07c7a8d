#pragma once

#include "dependent_launch.cuh"
#include "norm_row.hpp"
#include "row_scale.cuh"
#include "row_tail.cuh"
#include "vector.cuh"

namespace arfuse {

/** Threads of a multiprocessor that hold `words` words of a row each: what their registers leave room for. */
constexpr int resident_threads(int words) { return words <= 8 ? 1536 : words <= 16 ? 1024 : 512; }

constexpr int resident_blocks(int words, int threads) {
  return resident_threads(words) > threads ? resident_threads(words) / threads : 1;
}

/** Vectors up to which a thread's registers hold the weights beside both inputs. */
constexpr int kEarlyWeights = 2;

/** How a normed element meets its weight. */
enum class Gain { before, after, with_bias };

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
template <typename T, int kVectors, int kLeaves, RowTail kTail>
__global__ void __launch_bounds__(kLeaves, resident_blocks(kVectors * Vector<T>::kWords, kLeaves))
    norm_row_kernel(const __grid_constant__ NormRowParams params) {
  extern __shared__ float words[];
  await_earlier_kernels();
  const unsigned workers = params.workers;
  const bool works = threadIdx.x < workers;
  // Threads that only fill up the last warp read what the last worker reads, and store nothing.
  const unsigned first = works ? threadIdx.x : workers - 1;
  const std::uint64_t start = static_cast<std::uint64_t>(blockIdx.x) * params.lanes + first;

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
  const auto load_weights = [&] {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) weight[j] = load_lane<T>(params.weight, first + j * workers);
  };
  if constexpr (kVectors <= kEarlyWeights) load_weights();
  const float scale_in = kTail == RowTail::fp8_static ? *params.quant.scale_in : 1.0f;
  // Of many rows, blocks of the next kernel would fill multiprocessors unevenly while this one still has most of them.
  if (gridDim.x <= kFewRows) admit_later_kernels();
  const RowScale<kLeaves> row_scale(words, workers);

  if (adds) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) value[j] = sum_of(value[j], given[j]);
    if (works && params.residual_out != nullptr) {
#pragma unroll
      for (int j = 0; j < kVectors; ++j) store_lane(params.residual_out, start + j * workers, value[j]);
    }
  }
  if constexpr (kVectors > kEarlyWeights) load_weights();
  float sums[kVectors];
#pragma unroll
  for (int j = 0; j < kVectors; ++j) {
    // Else the compiler keeps the decoded elements as well, and spills.
#pragma unroll
    for (unsigned& word : value[j].word) asm volatile("" : "+r"(word));
    sums[j] = squares_of(value[j]);
  }
#pragma unroll
  for (int half = kVectors / 2; half > 0; half /= 2) {
#pragma unroll
    for (int j = 0; j < half; ++j) sums[j] = add(sums[j], sums[half + j]);
  }
  const float scale = row_scale(sums[0], works, params.mean, params.eps);
  admit_later_kernels();

  // One branch per row: within the loops it would keep the vectors apart.
  if (params.multiplied == WeightMultiply::after) norm_vectors<T, Gain::after>(value, weight, scale, 0.0f);
  else if (params.weight_bias == 0.0f) norm_vectors<T, Gain::before>(value, weight, scale, 0.0f);
  else norm_vectors<T, Gain::with_bias>(value, weight, scale, params.weight_bias);
  if (works && params.out != nullptr) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) store_lane(params.out, start + j * workers, value[j]);
  }
  if constexpr (kTail != RowTail::none) {
    const RowPlace place{blockIdx.x, start, first, workers, works};
    quantise_row<T, kVectors, kTail>(value, params.quant, params.rows, params.lanes, scale_in, place, row_scale.spare(words));
  }
}

}  // namespace arfuse
