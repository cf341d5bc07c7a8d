#pragma once

#include <napi.h>

#include <string>

#include "arguments.hpp"

namespace arfuse::binding {

/**
 * The object behind a JavaScript value. Each class that comes as an argument has `kTag`, which its constructor puts on the value: without it, an
 * object of another class would be taken for one.
 *
 * @throws Napi::TypeError for anything but an object that `T`'s constructor made
 */
template <typename T>
T& wrapped(Napi::Value value, const std::string& name) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&T::kTag))
    refuse(value.Env(), name, std::string("a ") + T::kName);
  return *T::Unwrap(value.As<Napi::Object>());
}

}  // namespace arfuse::binding
