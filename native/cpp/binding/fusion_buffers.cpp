#include "fusion_buffers.hpp"

#include "arguments.hpp"
#include "device_memory.hpp"
#include "norm_arguments.hpp"

namespace arfuse::binding {
namespace {

constexpr std::pair<const char*, FusionScaleLayout> kLayouts[] = {{"swizzled_128x4", FusionScaleLayout::swizzled_128x4},
                                                                  {"linear", FusionScaleLayout::linear}};

/** Elements that share a scale of FP4. */
constexpr int kFp4Group = 16;

std::size_t scale_bytes(const FusionWork& work, FusionScaleLayout layout) {
  switch (work.quant) {
    case FusionQuant::fp8_token:
      return static_cast<std::size_t>(work.rows) * sizeof(float);
    case FusionQuant::fp8_group:
      return static_cast<std::size_t>(packed_scale_bytes(work.rows, work.hidden / work.group));
    default:
      return layout == FusionScaleLayout::linear ? static_cast<std::size_t>(work.rows) * static_cast<std::size_t>(work.hidden / kFp4Group)
                                                 : static_cast<std::size_t>(swizzled_scale_bytes(work.rows, work.hidden / kFp4Group));
  }
}

void read_quantiser(Napi::Object given, const FusionWork& work, FusionBuffers& buffers, FusionParams& params) {
  if (work.quant == FusionQuant::none) return;
  const std::size_t elements = static_cast<std::size_t>(work.rows) * static_cast<std::size_t>(work.hidden);
  const bool fp4 = work.quant == FusionQuant::fp4;
  params.quant_out = buffers.packed("quantOut", fp4 ? elements / 2 : elements);
  if (fp4 || work.quant == FusionQuant::fp8_static) params.scale = static_cast<float*>(buffers.operand("scale", sizeof(float)));
  if (work.quant == FusionQuant::fp8_static) return;
  if (fp4) params.scale_layout = one_of(given, "layout", kLayouts);
  params.scale_out = buffers.packed("scaleOut", scale_bytes(work, params.scale_layout));
}

}  // namespace

void* FusionBuffers::add(const char* name, std::size_t bytes, Use use) {
  void* address = device_pointer(given_.Get(name), name, bytes);
  buffers_.push_back({name, static_cast<std::byte*>(address), bytes, use});
  return address;
}

void FusionBuffers::refuse_overlaps() const {
  for (const Buffer& out : buffers_) {
    if (out.use != Use::result && out.use != Use::packed) continue;
    for (const Buffer& other : buffers_) {
      if (&other == &out || out.address >= other.address + other.bytes || other.address >= out.address + out.bytes) continue;
      // A thread reads the elements of a row before it writes the same ones.
      const bool in_place = out.use == Use::result && other.use == Use::tensor && out.address == other.address;
      if (!in_place)
        refuse(given_.Env(), out.name,
               std::string(other.use == Use::tensor && out.use == Use::result ? "the place of " : "a place apart from ") + other.name +
                   (other.use == Use::tensor && out.use == Use::result ? ", or one apart from it" : ""));
    }
  }
}

FusionParams fusion_params_of(Napi::Object given, const FusionKernel& kernel, const FusionWork& work) {
  const std::size_t item = size_of(kernel.dtype);
  const std::size_t row = static_cast<std::size_t>(work.hidden) * item;
  FusionBuffers buffers(given, static_cast<std::size_t>(work.rows) * row);
  const FusionPattern& pattern = *fusion_pattern(kernel.pattern);
  FusionParams params;
  params.rank = integer_of(given, "rank", 0, kernel.ranks - 1);
  params.hidden = work.hidden;
  params.group = work.group;
  params.pdl = flag_of(given, "pdl");
  params.input = buffers.tensor("input");
  if (!pattern.norm) params.all_reduce_out = buffers.result("allReduceOut");
  if (pattern.norm) {
    params.residual = buffers.tensor("residual");
    params.residual_out = buffers.result("residualOut");
    params.weight = buffers.operand("weight", row);
    params.eps = static_cast<float>(number_of(given, "eps"));
    params.weight_bias = static_cast<float>(integer_of(given, "weightBias", 0, 1));
    if (!(params.eps >= 0)) refuse(given.Env(), "eps", "a number of 0 or more");
  }
  if (pattern.norm_out) params.norm_out = buffers.result("normOut");
  read_quantiser(given, work, buffers, params);
  buffers.refuse_overlaps();
  return params;
}

}  // namespace arfuse::binding
