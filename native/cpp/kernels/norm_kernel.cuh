#pragma once

#include "../launch/norm_geometry.hpp"
#include "dependent_launch.cuh"
#include "row_reduction.cuh"
#include "store_scale.hpp"
#include "vector.cuh"

namespace arfuse {

/** Eight elements of a row between two stages, and whether the next one reads them before their rounding. */
template <typename T>
struct Held {
  float value[kLane];
  bool unrounded;
  __device__ __forceinline__ void get(float (&to)[kLane]) const {
#pragma unroll
    for (int i = 0; i < kLane; ++i) to[i] = value[i];
  }
  __device__ __forceinline__ void set(const Vector<T>& rounded, const float (&exact)[kLane]) {
    float given[kLane];
    decode(rounded, given);
#pragma unroll
    for (int i = 0; i < kLane; ++i) value[i] = unrounded ? exact[i] : given[i];
  }
};

/**
 * Rows of any run of stages: one block per row, one pass over memory, float32 arithmetic with the site's rounding points.
 * `norm_row_kernel` does the common runs, faster.
 */
template <typename T, int kVectors>
__global__ void __launch_bounds__(max_threads(kVectors), 1) norm_kernel(const NormParams params, const int workers, const bool exact) {
  await_earlier_kernels();
  admit_later_kernels();
  const int hidden = params.hidden;
  const int lanes = hidden / kLane;
  extern __shared__ float words[];
  float* const spare = words + (exact ? workers : lanes);
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t row = blockIdx.x;
  const std::int64_t start = row * hidden;
  Held<T> value[kVectors];

  const auto each = [&](auto&& body) {
    if (thread >= workers) return;
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      const int lane = thread + j * workers;
      if (lane < lanes) body(j, lane * kLane);
    }
  };
  // From here on a stage's results are kept as the next one reads them.
  const auto keep = [&](bool unrounded) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) value[j].unrounded = unrounded;
  };
  const float scale_in = params.quant.scale_in != nullptr ? *params.quant.scale_in : 1.0f;

  keep(false);
  each([&](int j, int at) {
    const Vector<T> x = load<T>(params.x, start + at);
    float given[kLane];
    decode(x, given);
    value[j].set(x, given);
  });
  for (int p = 0; p < params.prologues; ++p) {
    const Prologue& step = params.prologue[p];
    each([&](int j, int at) {
      float bias[kLane];
      if (step.bias != nullptr) load_floats(step.bias, step.bias_dtype, at, bias);
      float found[kLane];
      value[j].get(found);
#pragma unroll
      for (int i = 0; i < kLane; ++i)
        found[i] = step.bias != nullptr ? add(found[i], bias[i]) : multiply(found[i], step.factor);
      value[j].set(encode<T>(found), found);
    });
  }
  if (params.all_reduce_out != nullptr)
    each([&](int j, int at) {
      float found[kLane];
      value[j].get(found);
      store(params.all_reduce_out, start + at, encode<T>(found));
    });

  const auto norm = [&](const NormStep& step, bool unrounded) {
    float sums[kVectors];
#pragma unroll
    for (int j = 0; j < kVectors; ++j) sums[j] = 0.0f;
    each([&](int j, int) {
      float x[kLane];
      value[j].get(x);
      sums[j] = sum_of_lane(kLane, [&](int i) { return x[i]; });
    });
    const float scale = inverse_rms_of_row<kVectors>(sums, lanes, workers, exact, hidden, step.eps, words, spare);
    keep(unrounded);
    each([&](int j, int at) {
      float weight[kLane];
      if (step.weight != nullptr) load_floats(step.weight, step.weight_dtype, at, weight);
      float normed[kLane];
      value[j].get(normed);
#pragma unroll
      for (int i = 0; i < kLane; ++i) normed[i] = multiply(normed[i], scale);
      if (step.multiplied == WeightMultiply::after) decode(encode<T>(normed), normed);
#pragma unroll
      for (int i = 0; i < kLane; ++i)
        normed[i] = multiply(normed[i], step.weight != nullptr ? gain_of(weight[i], step.weight_bias) : 1.0f);
      const Vector<T> rounded = encode<T>(normed);
      if (step.out != nullptr) store(step.out, start + at, rounded);
      value[j].set(rounded, normed);
    });
  };

  if (params.pre_norm.present) {
    norm(params.pre_norm, false);
    __syncthreads();
  }
  if (params.has_residual) {
    keep(params.unrounded_input && params.norm.present);
    each([&](int j, int at) {
      float sum[kLane];
      value[j].get(sum);
      float given[kLane];
      decode(load<T>(params.residual, start + at), given);
      if (params.scales_residual) {
#pragma unroll
        for (int i = 0; i < kLane; ++i) given[i] = multiply(given[i], params.residual_factor);
        decode(encode<T>(given), given);
      }
#pragma unroll
      for (int i = 0; i < kLane; ++i) sum[i] = add(sum[i], given[i]);
      const Vector<T> rounded = encode<T>(sum);
      if (params.residual_out != nullptr) store(params.residual_out, start + at, rounded);
      value[j].set(rounded, sum);
    });
  }
  const QuantStep& quant = params.quant;
  if (params.norm.present) norm(params.norm, !quant.rounded_input && quant.scheme != QuantScheme::none);
  if (quant.scheme == QuantScheme::none) return;
  const Nan nan = quant.nan;

  const auto largest = [&](int j) {
    float x[kLane];
    value[j].get(x);
    unsigned max = 0;
#pragma unroll
    for (int i = 0; i < kLane; ++i) max = larger_bits(max, x[i], nan);
    return max;
  };
  const auto store_codes = [&](int j, int at, const Divisor& by) {
    float x[kLane];
    value[j].get(x);
    // Branches once per vector, not once per element.
    if (quant.form == ScaleForm::divide) {
#pragma unroll
      for (int i = 0; i < kLane; ++i) x[i] = e4m3_quotient(x[i], by, ScaleForm::divide, nan);
    } else {
#pragma unroll
      for (int i = 0; i < kLane; ++i) x[i] = e4m3_quotient(x[i], by, ScaleForm::reciprocal, nan);
    }
    *reinterpret_cast<uint2*>(quant.out + start + at) = encode_e4m3(x);
  };

  if (quant.scheme == QuantScheme::fp8_static) {
    const Divisor by(scale_in);
    each([&](int j, int at) { store_codes(j, at, by); });
    return;
  }
  if (quant.scheme == QuantScheme::fp8_token) {
    unsigned max = 0;
    each([&](int j, int) {
      const unsigned found = largest(j);
      max = found > max ? found : max;
    });
    float scale = dynamic_scale(float_of(row_max(max, reinterpret_cast<unsigned*>(spare))), quant.floor);
    if (quant.scale_dtype == ScaleDtype::ue8m0) scale = power_of_two_scale(scale);
    if (thread == 0) store_scale(quant, params.rows, row, 0, 1, scale);
    const Divisor by(scale);
    each([&](int j, int at) { store_codes(j, at, by); });
    return;
  }
  if (quant.scheme == QuantScheme::fp8_group) {
    const int lanes_per_group = quant.group / kLane;
    const std::int64_t groups = hidden / quant.group;
    each([&](int j, int at) {
      float scale = dynamic_scale(float_of(group_max(largest(j), lanes_per_group)), quant.floor);
      if (quant.scale_dtype == ScaleDtype::ue8m0) scale = power_of_two_scale(scale);
      if (at % quant.group == 0) store_scale(quant, params.rows, row, at / quant.group, groups, scale);
      store_codes(j, at, Divisor(scale));
    });
    return;
  }
  // NVFP4: blocks of 16 elements are two neighbouring threads.
  const std::int64_t blocks = hidden / 16;
  each([&](int j, int at) {
    float x[kLane];
    value[j].get(x);
    float max = kNoMagnitude;
#pragma unroll
    for (int i = 0; i < kLane; ++i) max = larger_magnitude(max, x[i], nan);
    const float other = __shfl_xor_sync(__activemask(), max, 1);
    max = is_nan(max) || max > other ? max : other;
    const E4m3::Code scale = block_scale(max, scale_in);
    const float factor = block_factor(scale, scale_in);
    std::uint8_t packed[kLane / 2];
#pragma unroll
    for (int i = 0; i < kLane / 2; ++i)
      packed[i] = static_cast<std::uint8_t>(quantise_e2m1(x[2 * i], factor) |
                                            (quantise_e2m1(x[2 * i + 1], factor) << 4));
    *reinterpret_cast<std::uint32_t*>(quant.out + (start + at) / 2) = *reinterpret_cast<const std::uint32_t*>(packed);
    if (at % 16 == 0) store_block_scale(quant, params.rows, row, at / 16, blocks, scale);
  });
}

}  // namespace arfuse
