#pragma once

#include <napi.h>

#include <exception>
#include <utility>

#include "../device/cuda_error.hpp"

namespace arfuse::binding {

/** A CUDA failure as a JavaScript error whose `code` is the runtime's name of it. */
inline Napi::Error to_error(Napi::Env env, const CudaError& failure) {
  Napi::Error error = Napi::Error::New(env, failure.what());
  error.Set("code", Napi::String::New(env, failure.name()));
  return error;
}

/** Runs CUDA calls; none of their exceptions leaves as another type than `Napi::Error`. */
template <typename Call>
auto cuda_call(Napi::Env env, Call&& call) {
  try {
    return std::forward<Call>(call)();
  } catch (const CudaError& failure) {
    throw to_error(env, failure);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& failure) {
    throw Napi::Error::New(env, failure.what());
  }
}

}  // namespace arfuse::binding
