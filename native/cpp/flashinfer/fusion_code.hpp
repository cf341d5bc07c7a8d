#pragma once

#include "../launch/shot.hpp"

namespace arfuse {

// Code of a kernel by its pattern, with f32 sums and dependants that start at its end; null for what a unit does not have. One
// translation unit per dtype, which compile side by side and know nothing that changes often: they take minutes.
const void* fusion_code_bf16(int pattern, Shot shot, int ranks);
const void* fusion_code_f16(int pattern, Shot shot, int ranks);
const void* fusion_code_f32(int pattern, Shot shot, int ranks);
const void* fusion_code_fp4_bf16(int pattern, Shot shot, int ranks);
const void* fusion_code_fp4_f16(int pattern, Shot shot, int ranks);

}  // namespace arfuse
