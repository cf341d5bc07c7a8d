#include "norm_pick.cuh"

namespace arfuse {

NormKernel norm_kernel_f32(int vectors, NormRun run) { return pick_norm_kernel<F32>(vectors, run); }

}  // namespace arfuse
