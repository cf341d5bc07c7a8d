#define ARFUSE_FUSION_UNIT fusion_f16
#include "fusion_pick.cuh"

namespace arfuse {

const void* fusion_code_f16(int pattern, Shot shot, int ranks) { return pick_fusion_code<half>(pattern, shot, ranks); }

}  // namespace arfuse
