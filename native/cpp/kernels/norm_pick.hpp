#pragma once

#include "../launch/norm_row_geometry.hpp"
#include "norm_row.hpp"

namespace arfuse {

using NormKernel = void (*)(NormParams, int, bool);

// One translation unit per dtype: they compile side by side.
NormKernel norm_kernel_bf16(int vectors);
NormKernel norm_kernel_f16(int vectors);
NormKernel norm_kernel_f32(int vectors);

NormRowKernel norm_row_kernel_bf16(const NormRowShape& shape, RowTail tail, Gain gain);
NormRowKernel norm_row_kernel_f16(const NormRowShape& shape, RowTail tail, Gain gain);
NormRowKernel norm_row_kernel_f32(const NormRowShape& shape, RowTail tail, Gain gain);

}  // namespace arfuse
