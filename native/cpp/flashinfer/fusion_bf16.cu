#define ARFUSE_FUSION_UNIT fusion_bf16
#include "fusion_pick.cuh"

namespace arfuse {

const void* fusion_code_bf16(int pattern, Shot shot, int ranks) { return pick_fusion_code<nv_bfloat16>(pattern, shot, ranks); }

}  // namespace arfuse
