#pragma once

#include "norm_params.hpp"

namespace arfuse {

/** What a norm kernel is compiled for: registers that are not needed are rows in flight. */
enum class NormRun {
  /** add and norm */
  plain,
  /** add, norm and an FP8 quantiser of the rounded result */
  fp8,
  /** every run of stages */
  any,
};

using NormKernel = void (*)(NormParams, bool);

// One translation unit per dtype: they compile side by side.
NormKernel norm_kernel_bf16(int vectors, NormRun run);
NormKernel norm_kernel_f16(int vectors, NormRun run);
NormKernel norm_kernel_f32(int vectors, NormRun run);

}  // namespace arfuse
