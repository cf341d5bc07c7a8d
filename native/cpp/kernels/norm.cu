#include "norm.hpp"
#include "norm_kernel.cuh"

namespace arfuse {
namespace {

using Kernel = void (*)(NormParams, bool);

template <typename T>
Kernel kernel_for(int vectors) {
  switch (vectors) {
    case 1:
      return norm_kernel<T, 1>;
    case 2:
      return norm_kernel<T, 2>;
    case 4:
      return norm_kernel<T, 4>;
    default:
      return norm_kernel<T, 8>;
  }
}

Kernel kernel_of(Dtype dtype, int vectors) {
  switch (dtype) {
    case Dtype::bf16:
      return kernel_for<Bf16>(vectors);
    case Dtype::f16:
      return kernel_for<F16>(vectors);
    default:
      return kernel_for<F32>(vectors);
  }
}

}  // namespace

cudaError_t launch_norm(const NormParams& params, Dtype dtype, cudaStream_t stream) {
  if (params.rows == 0) return cudaSuccess;
  const NormGeometry geometry = norm_geometry(params.hidden, lanes_per_group(params));
  NormParams copy = params;
  bool exact = geometry.exact;
  void* arguments[] = {&copy, &exact};
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel_of(dtype, geometry.vectors)),
                          dim3(static_cast<unsigned>(params.rows)), dim3(static_cast<unsigned>(geometry.threads)), arguments,
                          static_cast<std::size_t>(geometry.shared_bytes), stream);
}

cudaError_t load_norm_kernels() {
  for (const Dtype dtype : {Dtype::bf16, Dtype::f16, Dtype::f32}) {
    for (int vectors = 1; vectors <= kMaxVectors; vectors *= 2) {
      cudaFuncAttributes attributes{};
      const auto* kernel = reinterpret_cast<const void*>(kernel_of(dtype, vectors));
      if (const cudaError_t error = cudaFuncGetAttributes(&attributes, kernel); error != cudaSuccess) return error;
    }
  }
  return cudaSuccess;
}

}  // namespace arfuse
