#pragma once

#include <napi.h>

namespace arfuse::binding {

/** The kernels' arithmetic on the host, so that a machine without a GPU can hold it against the reference. */
Napi::Object arithmetic(Napi::Env env);

}  // namespace arfuse::binding
