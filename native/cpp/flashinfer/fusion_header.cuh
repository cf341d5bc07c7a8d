#pragma once

// Several functions of the header are not inline: each unit that includes it has them in a namespace of its own.
#if !defined(ARFUSE_FUSION_UNIT)
#error "name the unit's namespace before this header"
#endif
#define trtllm_allreduce_fusion ARFUSE_FUSION_UNIT

// The header uses none of its logging, which would bring spdlog; without that, <array> is missing.
#define FLASHINFER_LOGGING_H_
#include <array>
#include <type_traits>

#include <flashinfer/comm/trtllm_allreduce_fusion.cuh>

#include "fusion_code.hpp"

namespace arfuse {

namespace upstream = flashinfer::ARFUSE_FUSION_UNIT;

/** The code of a pattern for an activation type; null for a size without one. */
template <upstream::AllReduceFusionPattern kPattern, typename T>
class FusionOf {
  // Kernels of f32 activations have no other sums, and no flag for them.
  static constexpr bool kSumsInF32 = !std::is_same_v<T, float>;

  template <int kRanks>
  static const void* of(Shot shot) {
    if (shot == Shot::one)
      return reinterpret_cast<const void*>(
          upstream::allreduce_fusion_kernel_oneshot_lamport<kPattern, T, kRanks, kSumsInF32, true>);
    return reinterpret_cast<const void*>(
        upstream::allreduce_fusion_kernel_twoshot_sync<kPattern, T, kRanks, kSumsInF32>);
  }

 public:
  static const void* code(Shot shot, int ranks) {
    switch (ranks) {
      case 2:
        return of<2>(shot);
      case 4:
        return of<4>(shot);
      case 8:
        return of<8>(shot);
      case 16:
        return of<16>(shot);
      default:
        return nullptr;
    }
  }
};

}  // namespace arfuse
