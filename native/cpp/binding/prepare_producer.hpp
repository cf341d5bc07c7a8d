#pragma once

#include <napi.h>

namespace arfuse::binding {

/** `prepareProducer(device, { delay, tensors: [{ …spec, rows, out }] })`. */
Napi::Value prepare_producer(const Napi::CallbackInfo& info);

/** `prepareHastyCopy(device, { from, to, bytes })`. */
Napi::Value prepare_hasty_copy(const Napi::CallbackInfo& info);

}  // namespace arfuse::binding
