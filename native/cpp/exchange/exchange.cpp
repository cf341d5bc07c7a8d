#include "exchange.hpp"

#include <initializer_list>

#include "exchange_kernels.hpp"

namespace arfuse {
namespace {

const void* kernel_of(Shot shot, Dtype dtype, int ranks, bool delays) {
  const auto pick = dtype == Dtype::bf16 ? exchange_kernel_bf16 : dtype == Dtype::f16 ? exchange_kernel_f16 : exchange_kernel_f32;
  return reinterpret_cast<const void*>(pick(shot, ranks, delays));
}

}  // namespace

cudaError_t launch_exchange(const ExchangeParams& params, Shot shot, Dtype dtype, int ranks, int blocks, cudaStream_t stream) {
  ExchangeParams copy = params;
  void* arguments[] = {&copy};
  return cudaLaunchKernel(kernel_of(shot, dtype, ranks, params.delays != 0), dim3(static_cast<unsigned>(blocks)),
                          dim3(static_cast<unsigned>(kExchangeThreads)), arguments, 0, stream);
}

cudaError_t load_exchange_kernel(Shot shot, Dtype dtype, int ranks, bool delays) {
  cudaFuncAttributes attributes{};
  return cudaFuncGetAttributes(&attributes, kernel_of(shot, dtype, ranks, delays));
}

cudaError_t load_exchange_kernels() {
  for (const Shot shot : {Shot::one, Shot::two})
    for (const Dtype dtype : {Dtype::bf16, Dtype::f16, Dtype::f32})
      for (const int ranks : kExchangeSizes)
        for (const bool delays : {false, true})
          if (const cudaError_t error = load_exchange_kernel(shot, dtype, ranks, delays); error != cudaSuccess) return error;
  return cudaSuccess;
}

}  // namespace arfuse
