#include "exchange_kernel.cuh"

namespace arfuse {

ExchangeKernel exchange_kernel_f16(Shot shot, int ranks, bool delays) { return pick_exchange_kernel<F16>(shot, ranks, delays); }

}  // namespace arfuse
