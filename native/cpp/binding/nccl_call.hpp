#pragma once

#include "../nccl/library.hpp"
#include "cuda_call.hpp"

namespace arfuse::binding {

/** As `cuda_call`, for what calls NCCL too: a failure of it has NCCL's name as its `code`. */
template <typename Call>
auto nccl_call(Napi::Env env, Call&& call) {
  return cuda_call(env, [&] {
    try {
      return std::forward<Call>(call)();
    } catch (const nccl::NcclError& failure) {
      Napi::Error error = Napi::Error::New(env, failure.what());
      error.Set("code", Napi::String::New(env, failure.name()));
      throw error;
    }
  });
}

}  // namespace arfuse::binding
