#pragma once

#include <iterator>
#include <utility>

#include "norm_kernel.cuh"
#include "norm_pick.hpp"
#include "norm_row.cuh"

namespace arfuse {

template <typename T>
NormKernel pick_norm_kernel(int vectors) {
  switch (vectors) {
    case 1:
      return norm_kernel<T, 1>;
    case 2:
      return norm_kernel<T, 2>;
    case 4:
      return norm_kernel<T, 4>;
    default:
      return norm_kernel<T, 8>;
  }
}

template <typename T, Gain kGain, RowTail kTail, const auto& kShapes, std::size_t... kAt>
NormRowKernel pick_norm_row_shape(const NormRowShape& shape, std::index_sequence<kAt...>) {
  NormRowKernel found = nullptr;
  ((shape == kShapes[kAt] ? void(found = norm_row_kernel<T, kShapes[kAt].vectors, kShapes[kAt].leaves, kTail, kGain>) : void()), ...);
  return found;
}

template <typename T, Gain kGain>
NormRowKernel pick_norm_row_tail(const NormRowShape& shape, RowTail tail) {
  constexpr auto all = std::make_index_sequence<std::size(kNormRowShapes)>();
  constexpr auto all_of_groups = std::make_index_sequence<std::size(kNormGroupShapes)>();
  if (tail == RowTail::none) return pick_norm_row_shape<T, kGain, RowTail::none, kNormRowShapes>(shape, all);
  if constexpr (quantises_rows(sizeof(typename T::Code))) {
    if (tail == RowTail::fp8_static) return pick_norm_row_shape<T, kGain, RowTail::fp8_static, kNormRowShapes>(shape, all);
    if (tail == RowTail::fp8_token) return pick_norm_row_shape<T, kGain, RowTail::fp8_token, kNormRowShapes>(shape, all);
    return pick_norm_row_shape<T, kGain, RowTail::fp8_group, kNormGroupShapes>(shape, all_of_groups);
  }
  return nullptr;
}

template <typename T>
NormRowKernel pick_norm_row_kernel(const NormRowShape& shape, RowTail tail, Gain gain) {
  switch (gain) {
    case Gain::before:
      return pick_norm_row_tail<T, Gain::before>(shape, tail);
    case Gain::after:
      return pick_norm_row_tail<T, Gain::after>(shape, tail);
    default:
      return pick_norm_row_tail<T, Gain::with_bias>(shape, tail);
  }
}

}  // namespace arfuse
