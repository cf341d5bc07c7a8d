#include "norm_pick.cuh"

namespace arfuse {

NormKernel norm_kernel_f16(int vectors, NormRun run) { return pick_norm_kernel<F16>(vectors, run); }

}  // namespace arfuse
