#pragma once

#include "../launch/exchange_geometry.hpp"
#include "exchange_params.hpp"

namespace arfuse {

using ExchangeKernel = void (*)(ExchangeParams);

/** Sizes of groups that the kernels are compiled for. */
constexpr int kExchangeSizes[] = {2, 4, 6, 8};

// One translation unit per dtype: they compile side by side.
ExchangeKernel exchange_kernel_bf16(Shot shot, int ranks, bool delays);
ExchangeKernel exchange_kernel_f16(Shot shot, int ranks, bool delays);
ExchangeKernel exchange_kernel_f32(Shot shot, int ranks, bool delays);

}  // namespace arfuse
