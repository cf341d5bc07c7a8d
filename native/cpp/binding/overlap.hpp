#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "arguments.hpp"

namespace arfuse::binding {

inline bool overlap(const void* a, std::size_t a_bytes, const void* b, std::size_t b_bytes) {
  const auto x = reinterpret_cast<std::uintptr_t>(a);
  const auto y = reinterpret_cast<std::uintptr_t>(b);
  return x < y + b_bytes && y < x + a_bytes;
}

/** Refuses buffers that overlap, unless they are one and the same. */
inline void refuse_overlap(Napi::Env env, const char* name, const char* other, const void* a, const void* b,
                           std::size_t bytes) {
  if (a != b && overlap(a, bytes, b, bytes)) refuse(env, name, std::string("the place of ") + other + ", or one apart from it");
}

}  // namespace arfuse::binding
