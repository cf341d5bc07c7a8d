#pragma once

#include <vector>

#include "norm_row.hpp"
#include "store_scale.hpp"

namespace arfuse {

/** The norm kernel's arithmetic on the host: the same primitives in the same order, one row after the other. */
template <typename T>
class NormHost {
 public:
  NormHost(const NormParams& params, Dtype dtype)
      : params_(params), geometry_(norm_row_geometry(params, dtype)), value_(hidden()), unrounded_(hidden()), lanes_(hidden() / kLane) {}

  void run() {
    for (std::int64_t row = 0; row < params_.rows; ++row) run_row(row);
  }

 private:
  using Code = typename T::Code;

  std::size_t hidden() const { return static_cast<std::size_t>(params_.hidden); }

  static float weight_at(const void* base, Dtype dtype, std::size_t at) {
    switch (dtype) {
      case Dtype::bf16:
        return Bf16::decode(static_cast<const Bf16::Code*>(base)[at]);
      case Dtype::f16:
        return F16::decode(static_cast<const F16::Code*>(base)[at]);
      default:
        return F32::decode(static_cast<const F32::Code*>(base)[at]);
    }
  }

  void store(void* out, std::int64_t start, const std::vector<float>& from) const {
    if (out == nullptr) return;
    for (std::size_t i = 0; i < hidden(); ++i) static_cast<Code*>(out)[start + static_cast<std::int64_t>(i)] = T::encode(from[i]);
  }

  void round_all() {
    for (float& x : value_) x = T::round(x);
  }

  /** As the kernel of the run adds: `norm_row_kernel` in the leaves of a perfect tree. */
  float sum_of_row() {
    if (!geometry_) return sum_of_lanes(lanes_.data(), static_cast<int>(lanes_.size()));
    const auto [shape, workers, threads, shared_bytes] = *geometry_;
    std::vector<float> leaves(static_cast<std::size_t>(shape.leaves), 0.0f);
    for (int worker = 0; worker < workers; ++worker) {
      float of_thread[kMaxVectors];
      for (int j = 0; j < shape.vectors; ++j) {
        const int lane = worker + j * workers;
        of_thread[j] = lanes_[static_cast<std::size_t>(lane)];
      }
      leaves[leaf_of(static_cast<unsigned>(shape.leaves), static_cast<unsigned>(worker), static_cast<unsigned>(workers))] =
          sum_of_lanes(of_thread, shape.vectors);
    }
    return sum_of_lanes(leaves.data(), shape.leaves);
  }

  void norm(const NormStep& step, const std::vector<float>& x, std::vector<float>& out) {
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane)
      lanes_[lane] = sum_of_lane(kLane, [&](int i) { return x[lane * kLane + static_cast<std::size_t>(i)]; });
    const float scale = inverse_rms(sum_of_row(), mean_over(params_.hidden), step.eps);
    for (std::size_t i = 0; i < hidden(); ++i) {
      const float gain =
          step.weight != nullptr ? gain_of(weight_at(step.weight, step.weight_dtype, i), step.weight_bias) : 1.0f;
      out[i] = normed_element<T>(x[i], scale, gain, step.multiplied);
    }
  }

  void run_row(std::int64_t row) {
    const std::int64_t start = row * params_.hidden;
    const auto* x = static_cast<const Code*>(params_.x) + start;
    for (std::size_t i = 0; i < hidden(); ++i) value_[i] = T::decode(x[i]);
    for (int p = 0; p < params_.prologues; ++p) {
      const Prologue& step = params_.prologue[p];
      for (std::size_t i = 0; i < hidden(); ++i)
        value_[i] = T::round(step.bias != nullptr ? add(value_[i], weight_at(step.bias, step.bias_dtype, i))
                                                  : multiply(value_[i], step.factor));
    }
    store(params_.all_reduce_out, start, value_);
    if (params_.pre_norm.present) {
      norm(params_.pre_norm, value_, value_);
      round_all();
      store(params_.pre_norm.out, start, value_);
    }
    if (params_.has_residual) {
      const auto* residual = static_cast<const Code*>(params_.residual) + start;
      for (std::size_t i = 0; i < hidden(); ++i) {
        const float given = T::decode(residual[i]);
        const float scaled = params_.scales_residual ? T::round(multiply(given, params_.residual_factor)) : given;
        unrounded_[i] = add(value_[i], scaled);
        value_[i] = T::round(unrounded_[i]);
      }
      store(params_.residual_out, start, value_);
    }
    if (params_.norm.present) {
      const bool unrounded = params_.unrounded_input && params_.has_residual;
      norm(params_.norm, unrounded ? unrounded_ : value_, unrounded_);
      value_ = unrounded_;
      round_all();
      store(params_.norm.out, start, value_);
    }
    if (params_.quant.scheme == QuantScheme::none) return;
    if (!params_.quant.rounded_input && params_.norm.present) value_ = unrounded_;
    quantise(row);
  }

  void quantise(std::int64_t row) {
    const QuantStep& quant = params_.quant;
    const std::size_t group = quant.scheme == QuantScheme::fp8_static ? hidden() : static_cast<std::size_t>(quant.group);
    const auto groups = static_cast<std::int64_t>(hidden() / group);
    for (std::int64_t g = 0; g < groups; ++g) {
      const std::size_t from = static_cast<std::size_t>(g) * group;
      if (quant.scheme == QuantScheme::nvfp4) {
        quantise_block(row, g, groups, from);
        continue;
      }
      float scale = quant.scheme == QuantScheme::fp8_static ? *quant.scale_in : 0.0f;
      if (quant.scheme != QuantScheme::fp8_static) {
        std::uint32_t max = 0;
        for (std::size_t i = from; i < from + group; ++i) max = larger_bits(max, value_[i], quant.nan);
        scale = dynamic_scale(float_of(max), quant.floor);
        if (quant.scale_dtype == ScaleDtype::ue8m0) scale = power_of_two_scale(scale);
        store_scale(quant, params_.rows, row, g, groups, scale);
      }
      const Divisor by(scale);
      for (std::size_t i = from; i < from + group; ++i)
        quant.out[static_cast<std::size_t>(row) * hidden() + i] =
            E4m3::encode(e4m3_quotient(value_[i], by, quant.form, quant.nan));
    }
  }

  void quantise_block(std::int64_t row, std::int64_t block, std::int64_t blocks, std::size_t from) {
    const QuantStep& quant = params_.quant;
    float max = kNoMagnitude;
    for (std::size_t i = from; i < from + 16; ++i) max = larger_magnitude(max, value_[i], quant.nan);
    const E4m3::Code scale = block_scale(max, *quant.scale_in);
    const float factor = block_factor(scale, *quant.scale_in);
    auto* out = quant.out + (static_cast<std::size_t>(row) * hidden() + from) / 2;
    for (std::size_t i = 0; i < 8; ++i)
      out[i] = static_cast<std::uint8_t>(quantise_e2m1(value_[from + 2 * i], factor) |
                                         (quantise_e2m1(value_[from + 2 * i + 1], factor) << 4));
    store_block_scale(quant, params_.rows, row, block, blocks, scale);
  }

  const NormParams& params_;
  const std::optional<NormRowGeometry> geometry_;
  std::vector<float> value_;
  std::vector<float> unrounded_;
  std::vector<float> lanes_;
};

/** Runs a launch of the norm kernel on the host; all pointers of `params` are host pointers. */
inline void run_norm_on_host(const NormParams& params, Dtype dtype) {
  switch (dtype) {
    case Dtype::bf16:
      return NormHost<Bf16>(params, dtype).run();
    case Dtype::f16:
      return NormHost<F16>(params, dtype).run();
    case Dtype::f32:
      return NormHost<F32>(params, dtype).run();
  }
}

}  // namespace arfuse
