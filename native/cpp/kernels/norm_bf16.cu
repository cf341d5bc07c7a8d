#include "norm_pick.cuh"

namespace arfuse {

NormKernel norm_kernel_bf16(int vectors) { return pick_norm_kernel<Bf16>(vectors); }

NormRowKernel norm_row_kernel_bf16(const NormRowShape& shape, RowTail tail, Gain gain) {
  return pick_norm_row_kernel<Bf16>(shape, tail, gain);
}

}  // namespace arfuse
