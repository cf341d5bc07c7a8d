#include "norm_arguments.hpp"

#include "../launch/norm_geometry.hpp"
#include "arguments.hpp"

namespace arfuse::binding {
namespace {

constexpr std::pair<const char*, Dtype> kDtypes[] = {{"bf16", Dtype::bf16}, {"f16", Dtype::f16}, {"f32", Dtype::f32}};
constexpr std::pair<const char*, WeightMultiply> kMultiplies[] = {{"before", WeightMultiply::before},
                                                                  {"after", WeightMultiply::after}};
constexpr std::pair<const char*, QuantScheme> kSchemes[] = {{"fp8_static", QuantScheme::fp8_static},
                                                            {"fp8_token", QuantScheme::fp8_token},
                                                            {"fp8_group", QuantScheme::fp8_group},
                                                            {"nvfp4", QuantScheme::nvfp4}};
constexpr std::pair<const char*, ScaleForm> kForms[] = {{"reciprocal", ScaleForm::reciprocal},
                                                        {"divide", ScaleForm::divide}};
constexpr std::pair<const char*, Nan> kNans[] = {{"propagate", Nan::propagate}, {"lost", Nan::lost}};
constexpr std::pair<const char*, ScaleDtype> kScaleDtypes[] = {{"none", ScaleDtype::none},
                                                               {"f32", ScaleDtype::f32},
                                                               {"f8e8m0fnu", ScaleDtype::ue8m0},
                                                               {"f8e4m3fn", ScaleDtype::e4m3}};
constexpr std::pair<const char*, ScaleLayout> kLayouts[] = {{"none", ScaleLayout::none},
                                                            {"row_major", ScaleLayout::row_major},
                                                            {"linear", ScaleLayout::row_major},
                                                            {"column_major", ScaleLayout::column_major},
                                                            {"column_major_packed", ScaleLayout::column_major_packed},
                                                            {"swizzled_128x4", ScaleLayout::swizzled_128x4}};

/** What the buffers of a launch are measured by. */
struct Extent {
  std::size_t rows;
  std::size_t hidden;
  Dtype dtype;
  BufferReader buffer;

  std::size_t activations() const { return rows * hidden * size_of(dtype); }
};

void* optional_pointer(Napi::Object object, const char* key, const Extent& extent) {
  return has(object, key) ? extent.buffer(object.Get(key), key, extent.activations()) : nullptr;
}

NormStep norm_step(Napi::Object given, const Extent& extent) {
  NormStep step;
  step.present = true;
  step.eps = static_cast<float>(number_of(given, "eps"));
  step.weight_bias = static_cast<float>(integer_of(given, "weightBias", 0, 1));
  step.multiplied = one_of(given, "weightMultiply", kMultiplies);
  if (has(given, "weight")) {
    step.weight_dtype = dtype_of(given, "weightDtype");
    step.weight = extent.buffer(given.Get("weight"), "weight", extent.hidden * size_of(step.weight_dtype));
  }
  step.out = optional_pointer(given, "out", extent);
  return step;
}

std::size_t scale_bytes(const QuantStep& quant, const Extent& extent) {
  const std::size_t groups = extent.hidden / static_cast<std::size_t>(quant.group);
  const auto rows = static_cast<std::int64_t>(extent.rows);
  const auto count = static_cast<std::int64_t>(groups);
  if (quant.scale_dtype == ScaleDtype::f32) return extent.rows * groups * sizeof(float);
  if (quant.layout == ScaleLayout::column_major_packed) return static_cast<std::size_t>(packed_scale_bytes(rows, count));
  if (quant.layout == ScaleLayout::swizzled_128x4) return static_cast<std::size_t>(swizzled_scale_bytes(rows, count));
  return extent.rows * groups;
}

QuantStep quant_step(Napi::Object given, const Extent& extent) {
  QuantStep quant;
  const int hidden = static_cast<int>(extent.hidden);
  quant.scheme = one_of(given, "scheme", kSchemes);
  quant.rounded_input = flag_of(given, "roundedInput");
  quant.nan = one_of(given, "nan", kNans);
  quant.form = one_of(given, "form", kForms);
  const bool halves = quant.scheme == QuantScheme::nvfp4;
  quant.out = static_cast<std::uint8_t*>(
      extent.buffer(given.Get("out"), "quant.out", extent.rows * extent.hidden / (halves ? 2 : 1)));
  if (quant.scheme == QuantScheme::fp8_static || halves)
    quant.scale_in = static_cast<const float*>(extent.buffer(given.Get("scale"), "quant.scale", sizeof(float)));
  quant.group = quant.scheme == QuantScheme::fp8_group ? integer_of(given, "group", 16, 256) : halves ? 16 : hidden;
  const int lanes = quant.group / kLane;
  if (quant.scheme == QuantScheme::fp8_group && (quant.group % kLane != 0 || (lanes & (lanes - 1)) != 0))
    refuse(given.Env(), "group", "8 times a power of two");
  if (hidden % quant.group != 0) refuse(given.Env(), "group", "a divisor of hidden " + std::to_string(hidden));
  if (quant.scheme == QuantScheme::fp8_static) return quant;
  quant.scale_dtype = one_of(given, "scaleDtype", kScaleDtypes);
  quant.layout = one_of(given, "layout", kLayouts);
  quant.floor = static_cast<float>(number_of(given, "floor"));
  quant.scale_out = extent.buffer(given.Get("scaleOut"), "quant.scaleOut", scale_bytes(quant, extent));
  return quant;
}

}  // namespace

Dtype dtype_of(Napi::Object object, const char* key) { return one_of(object, key, kDtypes); }

NormParams norm_arguments(Napi::Object given, Dtype dtype, BufferReader buffer) {
  NormParams params;
  params.rows = integer_of(given, "rows", 0, 1 << 30);
  params.hidden = integer_of(given, "hidden", kLane, kMaxHidden);
  if (params.hidden % kLane != 0) refuse(given.Env(), "hidden", "a multiple of 8");
  const Extent extent{static_cast<std::size_t>(params.rows), static_cast<std::size_t>(params.hidden), dtype, buffer};
  params.x = extent.buffer(given.Get("x"), "x", extent.activations());
  params.all_reduce_out = optional_pointer(given, "allReduceOut", extent);
  if (has(given, "prologues")) {
    const auto steps = given.Get("prologues").As<Napi::Array>();
    if (steps.Length() > kMaxPrologues) refuse(given.Env(), "prologues", "at most 3");
    for (std::uint32_t i = 0; i < steps.Length(); ++i) {
      const Napi::Object step = object_of(steps.Get(i), "prologues");
      Prologue& prologue = params.prologue[params.prologues++];
      if (has(step, "bias")) {
        prologue.bias_dtype = dtype_of(step, "biasDtype");
        prologue.bias = extent.buffer(step.Get("bias"), "bias", extent.hidden * size_of(prologue.bias_dtype));
      } else {
        prologue.factor = static_cast<float>(number_of(step, "factor"));
      }
    }
  }
  if (has(given, "preNorm")) params.pre_norm = norm_step(object_of(given.Get("preNorm"), "preNorm"), extent);
  if (has(given, "residual")) {
    const Napi::Object residual = object_of(given.Get("residual"), "residual");
    params.has_residual = true;
    params.residual = extent.buffer(residual.Get("x"), "residual.x", extent.activations());
    params.scales_residual = has(residual, "factor");
    if (params.scales_residual) params.residual_factor = static_cast<float>(number_of(residual, "factor"));
    params.residual_out = optional_pointer(residual, "out", extent);
  }
  if (has(given, "norm")) {
    const Napi::Object norm = object_of(given.Get("norm"), "norm");
    params.norm = norm_step(norm, extent);
    params.unrounded_input = flag_of(norm, "unroundedInput");
  }
  if (has(given, "quant")) params.quant = quant_step(object_of(given.Get("quant"), "quant"), extent);
  return params;
}

}  // namespace arfuse::binding
