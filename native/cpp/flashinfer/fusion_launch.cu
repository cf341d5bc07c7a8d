#define ARFUSE_FUSION_UNIT fusion_launch
#include "fusion_header.cuh"
#include "fusion.hpp"

namespace arfuse {
namespace {

/** The header's own parameters; their layout is the same for every activation type. */
using Params = upstream::AllReduceFusionParams<float>;
static_assert(sizeof(Params) == sizeof(upstream::AllReduceFusionParams<half>) &&
              sizeof(Params) == sizeof(upstream::AllReduceFusionParams<nv_bfloat16>));
static_assert(static_cast<int>(FusionScaleLayout::swizzled_128x4) == static_cast<int>(flashinfer::QuantizationSFLayout::SWIZZLED_128x4) &&
              static_cast<int>(FusionScaleLayout::linear) == static_cast<int>(flashinfer::QuantizationSFLayout::LINEAR));

Params params_of(const FusionKernel& kernel, const FusionParams& given, int rows, cudaStream_t stream) {
  Params params{};
  params.nranks = kernel.ranks;
  params.rank = given.rank;
  params.size = rows * given.hidden;
  params.hidden_dim = given.hidden;
  params.workspace = given.table;
  params.allreduce_in = given.input;
  params.allreduce_out = given.all_reduce_out;
  params.residual_in = given.residual;
  params.residual_out = given.residual_out;
  params.norm_out = given.norm_out;
  params.quant_out = given.quant_out;
  params.scale_out = given.scale_out;
  params.rms_gamma = given.weight;
  params.rms_eps = given.eps;
  params.weight_bias = given.weight_bias;
  params.scale_factor = given.scale;
  params.use_oneshot = kernel.shot == Shot::one;
  params.layout = static_cast<flashinfer::QuantizationSFLayout>(given.scale_layout);
  params.stream = stream;
  params.pattern = static_cast<upstream::AllReduceFusionPattern>(kernel.pattern);
  params.trigger_completion_at_end = true;
  params.block_quant_group_size = given.group;
  params.tma_aligned_mn = (rows + 3) / 4 * 4;
  return params;
}

}  // namespace

cudaError_t launch_fusion(const void* code, const FusionKernel& kernel, const FusionParams& given,
                          const FusionGeometry& geometry, int rows, cudaStream_t stream) {
  Params params = params_of(kernel, given, rows, stream);
  FusionShares shares = fusion_shares(rows, kernel.ranks);
  // Kernels of one-shot take the first; those of two-shot take `std::array<int, ranks>`, which is as many integers.
  void* arguments[] = {&params, shares.begin, shares.count};
  cudaLaunchAttribute attributes[2] = {};
  attributes[0].id = cudaLaunchAttributeClusterDimension;
  attributes[0].val.clusterDim = {static_cast<unsigned>(geometry.cluster), 1, 1};
  attributes[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[1].val.programmaticStreamSerializationAllowed = given.pdl ? 1 : 0;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(geometry.cluster * geometry.clusters));
  config.blockDim = dim3(static_cast<unsigned>(geometry.threads));
  config.dynamicSmemBytes = static_cast<std::size_t>(geometry.shared_bytes);
  config.stream = stream;
  config.attrs = attributes;
  config.numAttrs = 2;
  return cudaLaunchKernelExC(&config, code, arguments);
}

}  // namespace arfuse
