#pragma once

#include <cuda_runtime.h>

#include "../launch/norm_geometry.hpp"
#include "norm_run.hpp"

namespace arfuse {

/** Eight neighbouring elements of a row, as they lie in memory. */
template <typename T>
struct alignas(sizeof(typename T::Code) * kLane) Vector {
  typename T::Code code[kLane];
};

template <typename T>
__device__ __forceinline__ Vector<T> load(const void* base, std::int64_t at) {
  static_assert(sizeof(Vector<T>) % 16 == 0, "a vector is whole 16-byte words");
  Vector<T> found;
  const auto* from = reinterpret_cast<const uint4*>(static_cast<const typename T::Code*>(base) + at);
#pragma unroll
  for (unsigned i = 0; i < sizeof(Vector<T>) / 16; ++i) reinterpret_cast<uint4*>(&found)[i] = from[i];
  return found;
}

template <typename T>
__device__ __forceinline__ void store_vector(void* base, std::int64_t at, const Vector<T>& packed) {
  auto* to = reinterpret_cast<uint4*>(static_cast<typename T::Code*>(base) + at);
#pragma unroll
  for (unsigned i = 0; i < sizeof(Vector<T>) / 16; ++i) to[i] = reinterpret_cast<const uint4*>(&packed)[i];
}

template <typename T>
__device__ __forceinline__ void store(void* base, std::int64_t at, const float (&value)[kLane]) {
  Vector<T> packed;
#pragma unroll
  for (int i = 0; i < kLane; ++i) packed.code[i] = T::encode(value[i]);
  store_vector<T>(base, at, packed);
}

/** Eight weights or biases as float32, whatever their dtype. */
__device__ __forceinline__ void load_floats(const void* base, Dtype dtype, std::int64_t at, float (&value)[kLane]) {
  if (dtype == Dtype::f32) {
    const Vector<F32> found = load<F32>(base, at);
#pragma unroll
    for (int i = 0; i < kLane; ++i) value[i] = F32::decode(found.code[i]);
  } else if (dtype == Dtype::bf16) {
    const Vector<Bf16> found = load<Bf16>(base, at);
#pragma unroll
    for (int i = 0; i < kLane; ++i) value[i] = Bf16::decode(found.code[i]);
  } else {
    const Vector<F16> found = load<F16>(base, at);
#pragma unroll
    for (int i = 0; i < kLane; ++i) value[i] = F16::decode(found.code[i]);
  }
}

/**
 * Sum over the lanes of a row, in the tree order of `sum_of_lanes`, as `inverse_rms`; every thread gets it. Two barriers; the
 * words that it leaves behind may be written again at once.
 */
template <int kVectors>
__device__ float inverse_rms_of_row(float (&lane)[kVectors], int lanes, bool exact, int hidden, float eps, float* shared) {
  const int threads = static_cast<int>(blockDim.x);
  const int thread = static_cast<int>(threadIdx.x);
  int width = lanes;
  if (exact) {
#pragma unroll
    for (int half = kVectors / 2; half > 0; half /= 2) {
#pragma unroll
      for (int j = 0; j < half; ++j) lane[j] = add(lane[j], lane[half + j]);
    }
    shared[thread] = lane[0];
    width = threads;
  } else {
#pragma unroll
    for (int j = 0; j < kVectors; ++j)
      if (thread + j * threads < lanes) shared[thread + j * threads] = lane[j];
  }
  float* const result = shared + (exact ? threads : lanes);
  __syncthreads();
  for (; width > 1024; width = half_of(width)) {
    const int half = half_of(width);
    for (int i = thread; i < width - half; i += threads) shared[i] = add(shared[i], shared[half + i]);
    __syncthreads();
  }
  // One warp walks the rest, and alone takes the root: double precision is slow on some GPUs.
  if (thread < 32) {
    for (; width > 32; width = half_of(width)) {
      const int half = half_of(width);
      for (int i = thread; i < width - half; i += 32) shared[i] = add(shared[i], shared[half + i]);
      __syncwarp(__activemask());
    }
    const unsigned active = threads < 32 ? (1u << threads) - 1 : 0xffffffffu;
    float sum = thread < width ? shared[thread] : 0.0f;
    for (; width > 1; width = half_of(width)) {
      const int half = half_of(width);
      const float other = __shfl_down_sync(active, sum, half);
      if (thread < width - half) sum = add(sum, other);
    }
    if (thread == 0) *result = inverse_rms(sum, hidden, eps);
  }
  __syncthreads();
  return *result;
}

/** Largest magnitude over a row; NaN where one propagates. Magnitudes are ordered as their bits are, NaN above all. */
__device__ inline float row_max(float max, float* shared) {
  const unsigned whole = 0xffffffffu;
  const int warps = (static_cast<int>(blockDim.x) + 31) / 32;
  const int thread = static_cast<int>(threadIdx.x);
  auto* words = reinterpret_cast<unsigned*>(shared);
  if (thread < 32) words[thread] = 0;
  __syncthreads();
  unsigned bits = bits_of(max);
  const unsigned active = thread / 32 == warps - 1 && blockDim.x % 32 != 0 ? (1u << (blockDim.x % 32)) - 1 : whole;
#pragma unroll
  for (int offset = 16; offset > 0; offset /= 2) {
    const unsigned other = __shfl_xor_sync(active, bits, offset);
    // A partner beyond the last thread gives the thread's own value.
    if (((thread % 32) ^ offset) < (active == whole ? 32 : static_cast<int>(blockDim.x % 32)))
      bits = bits > other ? bits : other;
  }
  if (thread % 32 == 0) atomicMax(words, bits);
  __syncthreads();
  const float found = float_of(words[0]);
  __syncthreads();
  return found;
}

/** Largest magnitude over the `lanes` neighbouring threads that share a scale; `lanes` is a power of two. */
__device__ __forceinline__ float group_max(float max, int lanes) {
  unsigned bits = bits_of(max);
  for (int offset = 1; offset < lanes; offset *= 2) {
    const unsigned other = __shfl_xor_sync(__activemask(), bits, offset);
    bits = bits > other ? bits : other;
  }
  return float_of(bits);
}

/** Eight elements of a row between two stages: as codes where they are rounded anyway, which halves the registers. */
template <typename T, bool kWide>
struct Held {
  Vector<T> packed;
  __device__ __forceinline__ float operator[](int i) const { return T::decode(packed.code[i]); }
  __device__ __forceinline__ void set(int i, float rounded, float) { packed.code[i] = T::encode(rounded); }
};

template <typename T>
struct Held<T, true> {
  float value[kLane];
  bool unrounded;
  __device__ __forceinline__ float operator[](int i) const { return value[i]; }
  __device__ __forceinline__ void set(int i, float rounded, float exact) { value[i] = unrounded ? exact : rounded; }
};

/** Rows of arfuse's norm: one block per row, one pass over memory, float32 arithmetic with the site's rounding points. */
template <typename T, int kVectors, NormRun kRun>
__global__ void __launch_bounds__(kMaxThreads) norm_kernel(const NormParams params, const bool exact) {
  constexpr bool kAny = kRun == NormRun::any;
  // A stage may read the result of the one before it unrounded.
  constexpr bool kWide = kAny;
  extern __shared__ float shared[];
  const int hidden = params.hidden;
  const int lanes = hidden / kLane;
  const int threads = static_cast<int>(blockDim.x);
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t row = blockIdx.x;
  const std::int64_t start = row * hidden;
  Held<T, kWide> value[kVectors];

  const auto each = [&](auto&& body) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      const int lane = thread + j * threads;
      if (exact || lane < lanes) body(j, lane * kLane);
    }
  };
  // From here on a stage's results are kept as the next one reads them.
  const auto keep = [&](bool unrounded) {
    if constexpr (kWide) {
#pragma unroll
      for (int j = 0; j < kVectors; ++j) value[j].unrounded = unrounded;
    }
  };
  const auto store_rounded = [&](void* out, int at, int j, const float (&rounded)[kLane]) {
    if constexpr (kWide) {
      store<T>(out, at + start, rounded);
    } else {
      store_vector<T>(out, at + start, value[j].packed);
    }
  };

  keep(false);
  Vector<T> residual[kVectors];
  each([&](int j, int at) {
    const Vector<T> x = load<T>(params.x, start + at);
    // Both loads are under way before the first is needed.
    if (params.has_residual) residual[j] = load<T>(params.residual, start + at);
#pragma unroll
    for (int i = 0; i < kLane; ++i) {
      const float given = T::decode(x.code[i]);
      value[j].set(i, given, given);
    }
  });
  if constexpr (kAny) {
    for (int p = 0; p < params.prologues; ++p) {
      const Prologue& step = params.prologue[p];
      each([&](int j, int at) {
        float bias[kLane];
        if (step.bias != nullptr) load_floats(step.bias, step.bias_dtype, at, bias);
#pragma unroll
        for (int i = 0; i < kLane; ++i) {
          const float found = step.bias != nullptr ? add(value[j][i], bias[i]) : multiply(value[j][i], step.factor);
          value[j].set(i, T::round(found), found);
        }
      });
    }
    if (params.all_reduce_out != nullptr)
      each([&](int j, int at) {
        float rounded[kLane];
#pragma unroll
        for (int i = 0; i < kLane; ++i) rounded[i] = value[j][i];
        store_rounded(params.all_reduce_out, at, j, rounded);
      });
  }

  const auto inverse_rms_of = [&](const NormStep& step) {
    float sums[kVectors];
#pragma unroll
    for (int j = 0; j < kVectors; ++j) sums[j] = 0.0f;
    each([&](int j, int) { sums[j] = sum_of_lane(kLane, [&](int i) { return value[j][i]; }); });
    return inverse_rms_of_row<kVectors>(sums, lanes, exact, hidden, step.eps, shared);
  };
  const auto scale_by = [&](const NormStep& step, float scale) {
    each([&](int j, int at) {
      float weight[kLane];
      if (step.weight != nullptr) load_floats(step.weight, step.weight_dtype, at, weight);
      float rounded[kLane];
#pragma unroll
      for (int i = 0; i < kLane; ++i) {
        const float gain = step.weight != nullptr ? add(step.weight_bias, weight[i]) : 1.0f;
        const float normed = normed_element<T>(value[j][i], scale, gain, step.multiplied);
        rounded[i] = T::round(normed);
        value[j].set(i, rounded[i], normed);
      }
      if (step.out != nullptr) store_rounded(step.out, at, j, rounded);
    });
  };

  if constexpr (kAny) {
    if (params.pre_norm.present) scale_by(params.pre_norm, inverse_rms_of(params.pre_norm));
  }
  if (params.has_residual) {
    keep(params.unrounded_input && params.norm.present);
    each([&](int j, int at) {
      float rounded[kLane];
#pragma unroll
      for (int i = 0; i < kLane; ++i) {
        const float given = T::decode(residual[j].code[i]);
        const float scaled = params.scales_residual ? T::round(multiply(given, params.residual_factor)) : given;
        const float sum = add(value[j][i], scaled);
        rounded[i] = T::round(sum);
        value[j].set(i, rounded[i], sum);
      }
      if (params.residual_out != nullptr) store_rounded(params.residual_out, at, j, rounded);
    });
  }
  if (params.norm.present) {
    const float scale = inverse_rms_of(params.norm);
    keep(!params.quant.rounded_input && params.quant.scheme != QuantScheme::none);
    scale_by(params.norm, scale);
  }
  if constexpr (kRun == NormRun::plain) return;
  const QuantStep& quant = params.quant;
  if (quant.scheme == QuantScheme::none) return;

  const auto store_codes = [&](int j, int at, float scale) {
    const float reciprocal = divide(1.0f, scale);
    std::uint8_t code[kLane];
#pragma unroll
    for (int i = 0; i < kLane; ++i) code[i] = quantise_e4m3(value[j][i], scale, reciprocal, quant.form, quant.nan);
    *reinterpret_cast<uint2*>(quant.out + start + at) = *reinterpret_cast<const uint2*>(code);
  };
  const auto store_scale = [&](std::int64_t group, std::int64_t groups, float scale) {
    if (quant.scale_dtype == ScaleDtype::f32) {
      const std::int64_t at = quant.layout == ScaleLayout::column_major ? group * params.rows + row : row * groups + group;
      static_cast<std::uint32_t*>(quant.scale_out)[at] = F32::encode(scale);
      return;
    }
    auto* bytes = static_cast<std::uint8_t*>(quant.scale_out);
    const std::uint8_t code = Ue8m0::encode_up(scale);
    if (quant.layout == ScaleLayout::column_major_packed) bytes[packed_scale_offset(row, group, params.rows)] = code;
    else if (quant.layout == ScaleLayout::column_major) bytes[group * params.rows + row] = code;
    else bytes[row * groups + group] = code;
  };

  if (quant.scheme == QuantScheme::fp8_static) {
    const float scale = *quant.scale_in;
    each([&](int j, int at) { store_codes(j, at, scale); });
    return;
  }
  if (quant.scheme == QuantScheme::fp8_token) {
    float max = 0.0f;
    each([&](int j, int) {
#pragma unroll
      for (int i = 0; i < kLane; ++i) max = larger_magnitude(max, value[j][i], quant.nan);
    });
    float scale = dynamic_scale(row_max(max, shared), quant.floor);
    if (quant.scale_dtype == ScaleDtype::ue8m0) scale = power_of_two_scale(scale);
    if (thread == 0) store_scale(0, 1, scale);
    each([&](int j, int at) { store_codes(j, at, scale); });
    return;
  }
  if (quant.scheme == QuantScheme::fp8_group) {
    const int lanes_per_group = quant.group / kLane;
    const std::int64_t groups = hidden / quant.group;
    each([&](int j, int at) {
      float max = 0.0f;
#pragma unroll
      for (int i = 0; i < kLane; ++i) max = larger_magnitude(max, value[j][i], quant.nan);
      float scale = dynamic_scale(group_max(max, lanes_per_group), quant.floor);
      if (quant.scale_dtype == ScaleDtype::ue8m0) scale = power_of_two_scale(scale);
      if (at % quant.group == 0) store_scale(at / quant.group, groups, scale);
      store_codes(j, at, scale);
    });
    return;
  }
  if constexpr (kAny) {
    // NVFP4: blocks of 16 elements are two neighbouring threads.
    const float global = *quant.scale_in;
    const std::int64_t blocks = hidden / 16;
    each([&](int j, int at) {
      float max = kNoMagnitude;
#pragma unroll
      for (int i = 0; i < kLane; ++i) max = larger_magnitude(max, value[j][i], quant.nan);
      const float other = __shfl_xor_sync(__activemask(), max, 1);
      max = is_nan(max) || max > other ? max : other;
      const E4m3::Code scale = block_scale(max, global);
      const float factor = block_factor(scale, global);
      std::uint8_t packed[kLane / 2];
#pragma unroll
      for (int i = 0; i < kLane / 2; ++i)
        packed[i] = static_cast<std::uint8_t>(quantise_e2m1(value[j][2 * i], factor) |
                                              (quantise_e2m1(value[j][2 * i + 1], factor) << 4));
      *reinterpret_cast<std::uint32_t*>(quant.out + (start + at) / 2) = *reinterpret_cast<const std::uint32_t*>(packed);
      if (at % 16 == 0) {
        auto* bytes = static_cast<std::uint8_t*>(quant.scale_out);
        const std::int64_t to =
            quant.layout == ScaleLayout::swizzled_128x4 ? swizzled_scale_offset(row, at / 16, blocks) : row * blocks + at / 16;
        bytes[to] = scale;
      }
    });
  }
}

}  // namespace arfuse
