#include "norm_pick.cuh"

namespace arfuse {

NormKernel norm_kernel_f32(int vectors) { return pick_norm_kernel<F32>(vectors); }

NormRowKernel norm_row_kernel_f32(const NormRowShape& shape, RowTail tail, Gain gain) {
  return pick_norm_row_kernel<F32>(shape, tail, gain);
}

}  // namespace arfuse
