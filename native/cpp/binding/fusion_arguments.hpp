#pragma once

#include <napi.h>

#include "../launch/fusion_layout.hpp"

namespace arfuse::binding {

/** Ranks of a fused launch: 2, 4, 8 or 16. */
int fusion_ranks_of(Napi::Object given);

/** `shot`, `pattern`, `dtype`, `size`, `rows`, `hidden`, and `group` where the pattern has one; rows are whole vectors. */
FusionWork fusion_work_of(Napi::Object given);

/** `oneShotBytes` and `twoShotBytes` of a group of `ranks`. */
FusionLayout fusion_layout_of(Napi::Object given, int ranks);

/** Ranks that share the device: 1 … `ranks`. */
int sharing_of(Napi::Object given, int ranks);

/** The pure functions of fused launches, which need no CUDA. */
Napi::Object fusion_functions(Napi::Env env);

}  // namespace arfuse::binding
