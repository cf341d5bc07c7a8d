#define ARFUSE_FUSION_UNIT fusion_f32
#include "fusion_kernels.hpp"
#include "fusion_pick.cuh"

namespace arfuse {

const void* fusion_kernel_f32(int pattern, Shot shot, int ranks) { return pick_fusion_kernel<float>(pattern, shot, ranks); }

}  // namespace arfuse
