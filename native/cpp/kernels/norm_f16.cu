#include "norm_pick.cuh"

namespace arfuse {

NormKernel norm_kernel_f16(int vectors) { return pick_norm_kernel<F16>(vectors); }

NormRowKernel norm_row_kernel_f16(const NormRowShape& shape, RowTail tail, Gain gain) {
  return pick_norm_row_kernel<F16>(shape, tail, gain);
}

}  // namespace arfuse
