#pragma once

#include <napi.h>

namespace arfuse::binding {

/** `prepareExchange(device, exchange)`: a rank's all-reduce through its peers' memory as a `Launch`. */
Napi::Value prepare_exchange(const Napi::CallbackInfo& info);

/** `prepareAdd(device, add)`: `out = round(a + b)` as a `Launch`. */
Napi::Value prepare_add(const Napi::CallbackInfo& info);

}  // namespace arfuse::binding
