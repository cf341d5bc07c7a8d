#pragma once

#include "norm_kernel.cuh"

namespace arfuse {

template <typename T, NormRun kRun>
NormKernel pick_norm_kernel(int vectors) {
  switch (vectors) {
    case 1:
      return norm_kernel<T, 1, kRun>;
    case 2:
      return norm_kernel<T, 2, kRun>;
    case 4:
      return norm_kernel<T, 4, kRun>;
    default:
      return norm_kernel<T, 8, kRun>;
  }
}

template <typename T>
NormKernel pick_norm_kernel(int vectors, NormRun run) {
  switch (run) {
    case NormRun::plain:
      return pick_norm_kernel<T, NormRun::plain>(vectors);
    case NormRun::fp8:
      return pick_norm_kernel<T, NormRun::fp8>(vectors);
    default:
      return pick_norm_kernel<T, NormRun::any>(vectors);
  }
}

}  // namespace arfuse
