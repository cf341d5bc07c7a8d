#include "norm.hpp"

#include <initializer_list>

#include "../launch/norm_geometry.hpp"
#include "norm_run.hpp"

namespace arfuse {
namespace {

NormRun run_of(const NormParams& params, Dtype dtype, bool exact) {
  const QuantStep& quant = params.quant;
  const bool unrounded = params.unrounded_input || (quant.scheme != QuantScheme::none && !quant.rounded_input);
  const bool ordinary = params.norm.present && params.norm.weight != nullptr && params.norm.weight_dtype == dtype;
  if (params.prologues > 0 || params.all_reduce_out != nullptr || params.pre_norm.present || !ordinary || !exact ||
      unrounded || params.scales_residual || quant.scheme == QuantScheme::nvfp4 || (quant.scheme != QuantScheme::none && quant.nan == Nan::lost))
    return NormRun::any;
  return quant.scheme == QuantScheme::none ? NormRun::plain : NormRun::fp8;
}

NormKernel kernel_of(Dtype dtype, int vectors, NormRun run) {
  switch (dtype) {
    case Dtype::bf16:
      return norm_kernel_bf16(vectors, run);
    case Dtype::f16:
      return norm_kernel_f16(vectors, run);
    default:
      return norm_kernel_f32(vectors, run);
  }
}

}  // namespace

cudaError_t launch_norm(const NormParams& params, Dtype dtype, cudaStream_t stream) {
  if (params.rows == 0) return cudaSuccess;
  const NormGeometry geometry = norm_geometry(params.hidden, lanes_per_group(params));
  NormParams copy = params;
  int workers = geometry.workers;
  bool exact = geometry.exact;
  void* arguments[] = {&copy, &workers, &exact};
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel_of(dtype, geometry.vectors, run_of(params, dtype, geometry.exact))),
                          dim3(static_cast<unsigned>(params.rows)), dim3(static_cast<unsigned>(geometry.threads)), arguments,
                          static_cast<std::size_t>(geometry.shared_bytes), stream);
}

cudaError_t load_norm_kernels() {
  for (const Dtype dtype : {Dtype::bf16, Dtype::f16, Dtype::f32}) {
    for (int vectors = 1; vectors <= kMaxVectors; vectors *= 2) {
      for (const NormRun run : {NormRun::plain, NormRun::fp8, NormRun::any}) {
        cudaFuncAttributes attributes{};
        const auto* kernel = reinterpret_cast<const void*>(kernel_of(dtype, vectors, run));
        if (const cudaError_t error = cudaFuncGetAttributes(&attributes, kernel); error != cudaSuccess) return error;
      }
    }
  }
  return cudaSuccess;
}

}  // namespace arfuse
