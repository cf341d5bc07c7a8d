#define ARFUSE_FUSION_UNIT fusion_bf16
#include "fusion_kernels.hpp"
#include "fusion_pick.cuh"

namespace arfuse {

const void* fusion_kernel_bf16(int pattern, Shot shot, int ranks) { return pick_fusion_kernel<nv_bfloat16>(pattern, shot, ranks); }

}  // namespace arfuse
