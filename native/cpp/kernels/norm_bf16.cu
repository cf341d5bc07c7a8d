#include "norm_pick.cuh"

namespace arfuse {

NormKernel norm_kernel_bf16(int vectors, NormRun run) { return pick_norm_kernel<Bf16>(vectors, run); }

}  // namespace arfuse
