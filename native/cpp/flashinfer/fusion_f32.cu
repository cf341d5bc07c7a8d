#define ARFUSE_FUSION_UNIT fusion_f32
#include "fusion_pick.cuh"

namespace arfuse {

const void* fusion_code_f32(int pattern, Shot shot, int ranks) { return pick_fusion_code<float>(pattern, shot, ranks); }

}  // namespace arfuse
