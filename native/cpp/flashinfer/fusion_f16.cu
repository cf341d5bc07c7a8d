#define ARFUSE_FUSION_UNIT fusion_f16
#include "fusion_kernels.hpp"
#include "fusion_pick.cuh"

namespace arfuse {

const void* fusion_kernel_f16(int pattern, Shot shot, int ranks) { return pick_fusion_kernel<half>(pattern, shot, ranks); }

}  // namespace arfuse
