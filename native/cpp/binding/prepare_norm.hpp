#pragma once

#include <napi.h>

namespace arfuse::binding {

/** `prepareNorm(device, launch)`: a norm over device memory as a `Launch`; `rows` is the most it will be enqueued for. */
Napi::Value prepare_norm(const Napi::CallbackInfo& info);

}  // namespace arfuse::binding
