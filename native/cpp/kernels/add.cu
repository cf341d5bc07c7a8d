#include "add.hpp"

#include "../exchange/vector_sum.cuh"

namespace arfuse {
namespace {

constexpr int kAddThreads = 256;

template <typename T>
__global__ void __launch_bounds__(kAddThreads) add_kernel(const uint4* a, const uint4* b, uint4* out, std::int64_t vectors) {
  const std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * kAddThreads + threadIdx.x;
  if (at >= vectors) return;
  const uint4 both[2] = {a[at], b[at]};
  out[at] = vector_sum<T, 2>(both);
}

using AddKernel = void (*)(const uint4*, const uint4*, uint4*, std::int64_t);

AddKernel kernel_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::bf16:
      return add_kernel<Bf16>;
    case Dtype::f16:
      return add_kernel<F16>;
    default:
      return add_kernel<F32>;
  }
}

}  // namespace

cudaError_t launch_add(const void* a, const void* b, void* out, std::int64_t vectors, Dtype dtype, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>((vectors + kAddThreads - 1) / kAddThreads);
  void* arguments[] = {static_cast<void*>(&a), static_cast<void*>(&b), static_cast<void*>(&out), &vectors};
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel_of(dtype)), dim3(blocks), dim3(kAddThreads), arguments, 0, stream);
}

cudaError_t load_add_kernels() {
  for (const Dtype dtype : {Dtype::bf16, Dtype::f16, Dtype::f32}) {
    cudaFuncAttributes attributes{};
    const auto* kernel = reinterpret_cast<const void*>(kernel_of(dtype));
    if (const cudaError_t error = cudaFuncGetAttributes(&attributes, kernel); error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace arfuse
