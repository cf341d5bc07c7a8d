#pragma once

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

template <typename T, WeightMultiply kMultiplied>
__device__ __forceinline__ void norm_vector(Vector<T>& value, const Vector<T>& weight, float scale, float bias) {
  float x[kLane];
  float gain[kLane];
  decode(value, x);
  decode(weight, gain);
#pragma unroll
  for (int i = 0; i < kLane; ++i) x[i] = multiply(x[i], scale);
  if constexpr (kMultiplied == WeightMultiply::after) decode(encode<T>(x), x);
#pragma unroll
  for (int i = 0; i < kLane; ++i) x[i] = multiply(x[i], add(bias, gain[i]));
  value = encode<T>(x);
}

/**
 * Rows of the runs that models have most: one block per row, one pass over memory. Vector `j` of thread `t` is lane
 * `t + j * workers` of the row, so that the first levels of the tree stay within a thread.
 */
template <typename T, int kVectors, int kLeaves, RowTail kTail>
__global__ void __launch_bounds__(kLeaves, resident_blocks(kVectors * Vector<T>::kWords, kLeaves))
    norm_row_kernel(const __grid_constant__ NormRowParams params) {
  extern __shared__ float words[];
  const unsigned workers = params.workers;
  const bool works = threadIdx.x < workers;
  // Threads that only fill up the last warp read what the last worker reads, and store nothing.
  const unsigned first = works ? threadIdx.x : workers - 1;
  const std::uint64_t start = static_cast<std::uint64_t>(blockIdx.x) * params.lanes + first;

  // Where L1 keeps no rows, it holds more weights; only rows of groups gain by that.
  const auto load_row = [](const void* base, std::uint64_t lane) {
    return kTail == RowTail::fp8_group ? load_once<T>(base, lane) : load_lane<T>(base, lane);
  };
  Vector<T> value[kVectors];
  Vector<T> given[kVectors];
  Vector<T> weight[kVectors];
#pragma unroll
  for (int j = 0; j < kVectors; ++j) value[j] = load_row(params.x, start + j * workers);
  const bool adds = params.residual != nullptr;
  if (adds) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) given[j] = load_row(params.residual, start + j * workers);
  }
  const auto load_weights = [&] {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) weight[j] = load_lane<T>(params.weight, first + j * workers);
  };
  if constexpr (kVectors <= kEarlyWeights) load_weights();
  const float scale_in = kTail == RowTail::fp8_static ? *params.quant.scale_in : 1.0f;
  const RowScale<kLeaves> row_scale(words, workers);

  if (adds) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      float sum[kLane];
      float other[kLane];
      decode(value[j], sum);
      decode(given[j], other);
#pragma unroll
      for (int i = 0; i < kLane; ++i) sum[i] = add(sum[i], other[i]);
      value[j] = encode<T>(sum);
    }
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
    float x[kLane];
    decode(value[j], x);
    sums[j] = sum_of_squares(x);
  }
#pragma unroll
  for (int half = kVectors / 2; half > 0; half /= 2) {
#pragma unroll
    for (int j = 0; j < half; ++j) sums[j] = add(sums[j], sums[half + j]);
  }
  const float scale = row_scale(sums[0], works, params.mean, params.eps);

  // One branch per row: within the loops it would keep the vectors apart.
  if (params.multiplied == WeightMultiply::after) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) norm_vector<T, WeightMultiply::after>(value[j], weight[j], scale, params.weight_bias);
  } else {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) norm_vector<T, WeightMultiply::before>(value[j], weight[j], scale, params.weight_bias);
  }
  if (works && params.out != nullptr) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) store_lane(params.out, start + j * workers, value[j]);
  }
  if constexpr (kTail != RowTail::none) {
    const RowPlace place{start, first, workers, works};
    quantise_row<T, kVectors, kTail>(value, params.quant, params.rows, params.lanes, scale_in, place, row_scale.spare(words));
  }
}

}  // namespace arfuse
