#include "norm.hpp"

#include <bit>
#include <initializer_list>

#include "../device/overlap.hpp"
#include "../launch/norm_geometry.hpp"
#include "norm_pick.hpp"
#include "store_scale.hpp"

namespace arfuse {
namespace {

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

NormRowKernel row_kernel_of(Dtype dtype, const NormRowShape& shape, RowTail tail, Gain gain) {
  switch (dtype) {
    case Dtype::bf16:
      return norm_row_kernel_bf16(shape, tail, gain);
    case Dtype::f16:
      return norm_row_kernel_f16(shape, tail, gain);
    default:
      return norm_row_kernel_f32(shape, tail, gain);
  }
}

RowScaleLayout scale_layout_of(const NormParams& params) {
  const auto lanes = static_cast<unsigned>(lanes_per_group(params));
  const unsigned groups = lanes == 0 ? 1 : static_cast<unsigned>(params.hidden / kLane) / lanes;
  const auto place = [&](int row, int group) {
    return static_cast<unsigned>(plain_scale_offset(params.quant, params.rows, row, group, groups));
  };
  return {groups, lanes == 0 ? 0 : static_cast<unsigned>(std::countr_zero(lanes)), place(1, 0), place(0, 1)};
}

cudaError_t launch_rows(const NormParams& params, Dtype dtype, RowTail tail, const NormRowGeometry& geometry, bool overlaps,
                        cudaStream_t stream) {
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
  rows.rows = params.rows;
  rows.scales = scale_layout_of(params);
  rows.quant = params.quant;
  void* arguments[] = {&rows};
  const NormRowKernel kernel = row_kernel_of(dtype, geometry.shape, tail, gain_of(params.norm));
  return launch_overlapping(reinterpret_cast<const void*>(kernel), params.rows, geometry.threads, geometry.shared_bytes, arguments,
                            overlaps, stream);
}

cudaError_t load(const void* kernel) {
  cudaFuncAttributes attributes{};
  return cudaFuncGetAttributes(&attributes, kernel);
}

template <std::size_t kShapes>
cudaError_t load_rows(const NormRowShape (&shapes)[kShapes], Dtype dtype, RowTail tail) {
  for (const NormRowShape& shape : shapes)
    for (const Gain gain : {Gain::before, Gain::after, Gain::with_bias})
      if (const cudaError_t error = load(reinterpret_cast<const void*>(row_kernel_of(dtype, shape, tail, gain))); error != cudaSuccess)
        return error;
  return cudaSuccess;
}

}  // namespace

bool norm_overlaps(int device) { return may_overlap(device, reinterpret_cast<const void*>(kernel_of(Dtype::bf16, 1))); }

cudaError_t launch_norm(const NormParams& params, Dtype dtype, bool overlaps, cudaStream_t stream) {
  if (params.rows == 0) return cudaSuccess;
  const auto tail = row_tail_of(params, dtype);
  if (const auto rows = norm_row_geometry(params, dtype); tail && rows)
    return launch_rows(params, dtype, *tail, *rows, overlaps, stream);
  const NormGeometry geometry = norm_geometry(params.hidden, lanes_per_group(params));
  NormParams copy = params;
  int workers = geometry.workers;
  bool exact = geometry.exact;
  void* arguments[] = {&copy, &workers, &exact};
  return launch_overlapping(reinterpret_cast<const void*>(kernel_of(dtype, geometry.vectors)), params.rows, geometry.threads,
                            geometry.shared_bytes, arguments, overlaps, stream);
}

cudaError_t load_norm_kernels() {
  for (const Dtype dtype : {Dtype::bf16, Dtype::f16, Dtype::f32}) {
    for (int vectors = 1; vectors <= kMaxVectors; vectors *= 2)
      if (const cudaError_t error = load(reinterpret_cast<const void*>(kernel_of(dtype, vectors))); error != cudaSuccess) return error;
    if (const cudaError_t error = load_rows(kNormRowShapes, dtype, RowTail::none); error != cudaSuccess) return error;
    if (!quantises_rows(size_of(dtype))) continue;
    for (const RowTail tail : {RowTail::fp8_static, RowTail::fp8_token})
      if (const cudaError_t error = load_rows(kNormRowShapes, dtype, tail); error != cudaSuccess) return error;
    if (const cudaError_t error = load_rows(kNormGroupShapes, dtype, RowTail::fp8_group); error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace arfuse
