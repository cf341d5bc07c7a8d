#include "norm.hpp"

#include <array>
#include <atomic>
#include <initializer_list>

#include "../launch/norm_geometry.hpp"
#include "norm_pick.hpp"

namespace arfuse {
namespace {

/** Devices by ordinal; one beyond them only launches a little later. */
constexpr std::size_t kDevices = 64;

/** Whether a device's kernels wait for earlier ones by themselves, as they do when compiled for 9.0 and on. Known once they are loaded. */
std::array<std::atomic<bool>, kDevices> waits;

std::atomic<bool>* waits_here() {
  int device = 0;
  if (cudaGetDevice(&device) != cudaSuccess || static_cast<std::size_t>(device) >= waits.size()) return nullptr;
  return &waits.at(static_cast<std::size_t>(device));
}

/** Launches a kernel that may begin while the one before it ends, where it waits for that one. */
cudaError_t launch(const void* kernel, int rows, int threads, int shared_bytes, void** arguments, cudaStream_t stream) {
  const std::atomic<bool>* const here = waits_here();
  cudaLaunchAttribute overlap{};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(rows));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = static_cast<std::size_t>(shared_bytes);
  config.stream = stream;
  config.attrs = &overlap;
  config.numAttrs = here != nullptr && here->load(std::memory_order_relaxed) ? 1 : 0;
  return cudaLaunchKernelExC(&config, kernel, arguments);
}

NormKernel kernel_of(Dtype dtype, int vectors) {
  switch (dtype) {
    case Dtype::bf16:
      return norm_kernel_bf16(vectors);
    case Dtype::f16:
      return norm_kernel_f16(vectors);
    default:
      return norm_kernel_f32(vectors);
  }
}

NormRowKernel row_kernel_of(Dtype dtype, const NormRowShape& shape, RowTail tail) {
  switch (dtype) {
    case Dtype::bf16:
      return norm_row_kernel_bf16(shape, tail);
    case Dtype::f16:
      return norm_row_kernel_f16(shape, tail);
    default:
      return norm_row_kernel_f32(shape, tail);
  }
}

cudaError_t launch_rows(const NormParams& params, Dtype dtype, RowTail tail, const NormRowGeometry& geometry, cudaStream_t stream) {
  NormRowParams rows{};
  rows.x = params.x;
  rows.residual = params.has_residual ? params.residual : nullptr;
  rows.weight = params.norm.weight;
  rows.lanes = static_cast<unsigned>(params.hidden / kLane);
  rows.workers = static_cast<unsigned>(geometry.workers);
  rows.residual_out = params.residual_out;
  rows.out = params.norm.out;
  rows.mean = mean_over(params.hidden);
  rows.eps = params.norm.eps;
  rows.weight_bias = params.norm.weight_bias;
  rows.multiplied = params.norm.multiplied;
  rows.rows = params.rows;
  rows.quant = params.quant;
  void* arguments[] = {&rows};
  return launch(reinterpret_cast<const void*>(row_kernel_of(dtype, geometry.shape, tail)), params.rows, geometry.threads,
                geometry.shared_bytes, arguments, stream);
}

/** `waits` is false afterwards where the kernel was made from code for less than 9.0. */
cudaError_t load(const void* kernel, bool& waits) {
  cudaFuncAttributes attributes{};
  const cudaError_t error = cudaFuncGetAttributes(&attributes, kernel);
  waits = waits && attributes.ptxVersion >= 90;
  return error;
}

template <std::size_t kShapes>
cudaError_t load_rows(const NormRowShape (&shapes)[kShapes], Dtype dtype, RowTail tail, bool& waits) {
  for (const NormRowShape& shape : shapes)
    if (const cudaError_t error = load(reinterpret_cast<const void*>(row_kernel_of(dtype, shape, tail)), waits); error != cudaSuccess)
      return error;
  return cudaSuccess;
}

cudaError_t load_all(bool& waits) {
  for (const Dtype dtype : {Dtype::bf16, Dtype::f16, Dtype::f32}) {
    for (int vectors = 1; vectors <= kMaxVectors; vectors *= 2)
      if (const cudaError_t error = load(reinterpret_cast<const void*>(kernel_of(dtype, vectors)), waits); error != cudaSuccess)
        return error;
    for (const RowTail tail : {RowTail::none, RowTail::fp8_static, RowTail::fp8_token})
      if (const cudaError_t error = load_rows(kNormRowShapes, dtype, tail, waits); error != cudaSuccess) return error;
    if (const cudaError_t error = load_rows(kNormGroupShapes, dtype, RowTail::fp8_group, waits); error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace

cudaError_t launch_norm(const NormParams& params, Dtype dtype, cudaStream_t stream) {
  if (params.rows == 0) return cudaSuccess;
  const auto tail = row_tail_of(params, dtype);
  if (const auto rows = norm_row_geometry(params, dtype); tail && rows) return launch_rows(params, dtype, *tail, *rows, stream);
  const NormGeometry geometry = norm_geometry(params.hidden, lanes_per_group(params));
  NormParams copy = params;
  int workers = geometry.workers;
  bool exact = geometry.exact;
  void* arguments[] = {&copy, &workers, &exact};
  return launch(reinterpret_cast<const void*>(kernel_of(dtype, geometry.vectors)), params.rows, geometry.threads, geometry.shared_bytes,
                arguments, stream);
}

cudaError_t load_norm_kernels() {
  bool all_wait = true;
  const cudaError_t error = load_all(all_wait);
  if (std::atomic<bool>* const here = waits_here(); here != nullptr && error == cudaSuccess) here->store(all_wait, std::memory_order_relaxed);
  return error;
}

}  // namespace arfuse
