#pragma once

#include "codes.hpp"

namespace arfuse {

/** Writes the code of an element, counted from the first of the spec's rows. */
__device__ inline void write_code(const CodesSpec& spec, std::int64_t at, void* out) {
  const auto row = static_cast<std::int32_t>(at / spec.hidden);
  const auto column = static_cast<std::int32_t>(at % spec.hidden);
  const std::uint32_t code = code_at(spec, spec.row + row, column);
  if (spec.dtype == Dtype::f32) static_cast<std::uint32_t*>(out)[at] = code;
  else static_cast<std::uint16_t*>(out)[at] = static_cast<std::uint16_t>(code);
}

}  // namespace arfuse
