#include "../device/overlap.hpp"
#include "../kernels/dependent_launch.cuh"
#include "code_write.cuh"
#include "producer.hpp"

namespace arfuse {
namespace {

constexpr int kThreads = 256;
/** Few, so that they find room beside kernels of other ranks that wait on the same GPU. */
constexpr int kMostBlocks = 16;

__global__ void __launch_bounds__(kThreads) producer_kernel(ProducerParams params) {
  admit_later_kernels();
  // It may itself have started early; the kernels before still read what it writes.
  await_earlier_kernels();
  unsigned long long begun = 0;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(begun));
  for (unsigned long long now = begun; now - begun < params.delay;) {
    __nanosleep(200);
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  }
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  for (int i = 0; i < params.count; ++i) {
    const ProducedTensor& tensor = params.tensors[i];
    for (std::int64_t at = first; at < tensor.count; at += stride) write_code(tensor.spec, at, tensor.out);
  }
}

__global__ void __launch_bounds__(kThreads) hasty_copy_kernel(HastyCopyParams params) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; at < params.bytes; at += stride)
    params.to[at] = params.from[at];
}

template <typename Params>
cudaError_t launch(void (*kernel)(Params), Params params, std::int64_t items, bool overlaps, cudaStream_t stream) {
  const std::int64_t blocks = (items + kThreads - 1) / kThreads;
  void* arguments[] = {&params};
  return launch_overlapping(reinterpret_cast<const void*>(kernel), blocks < 1 ? 1 : static_cast<int>(blocks < kMostBlocks ? blocks : kMostBlocks),
                            kThreads, 0, arguments, overlaps, stream);
}

}  // namespace

bool producers_overlap(int device) { return may_overlap(device, reinterpret_cast<const void*>(producer_kernel)); }

cudaError_t launch_producer(const ProducerParams& params, bool overlaps, cudaStream_t stream) {
  std::int64_t most = 0;
  for (int i = 0; i < params.count; ++i) most = params.tensors[i].count > most ? params.tensors[i].count : most;
  return launch(producer_kernel, params, most, overlaps, stream);
}

cudaError_t launch_hasty_copy(const HastyCopyParams& params, bool overlaps, cudaStream_t stream) {
  return launch(hasty_copy_kernel, params, params.bytes, overlaps, stream);
}

cudaError_t load_producer_kernels() {
  cudaFuncAttributes attributes{};
  for (const void* kernel :
       {reinterpret_cast<const void*>(producer_kernel), reinterpret_cast<const void*>(hasty_copy_kernel)})
    if (const cudaError_t error = cudaFuncGetAttributes(&attributes, kernel); error != cudaSuccess) return error;
  return cudaSuccess;
}

}  // namespace arfuse
