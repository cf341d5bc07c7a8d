#pragma once

#include "../nccl/nccl_api.hpp"
#include "arguments.hpp"

namespace arfuse::binding {

inline nccl::DataType nccl_type_of(Napi::Object given, const char* key) {
  static constexpr std::pair<const char*, nccl::DataType> kTypes[] = {
      {"bf16", nccl::DataType::bfloat16}, {"f16", nccl::DataType::float16}, {"f32", nccl::DataType::float32}};
  return one_of(given, key, kTypes);
}

inline std::size_t nccl_type_bytes(nccl::DataType type) { return type == nccl::DataType::float32 ? 4 : 2; }

}  // namespace arfuse::binding
