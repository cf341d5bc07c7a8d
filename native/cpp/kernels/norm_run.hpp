#pragma once

#include "norm_params.hpp"

namespace arfuse {

/** What a norm kernel is compiled for: registers that are not needed are rows in flight. */
enum class NormRun {
  /** add and norm, with a weight of the activation dtype, of rows that threads share evenly */
  plain,
  /** the same with an FP8 quantiser of the rounded result that keeps NaN */
  fp8,
  /** every run of stages */
  any,
};

using NormKernel = void (*)(NormParams, int, bool);

// One translation unit per dtype: they compile side by side.
NormKernel norm_kernel_bf16(int vectors, NormRun run);
NormKernel norm_kernel_f16(int vectors, NormRun run);
NormKernel norm_kernel_f32(int vectors, NormRun run);

}  // namespace arfuse
