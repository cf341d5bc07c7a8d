#pragma once

#include <napi.h>

namespace arfuse::binding {

/** `prepareFusion(device, launch)`: one of FlashInfer's kernels with its buffers, checked. */
Napi::Value prepare_fusion(const Napi::CallbackInfo& info);

}  // namespace arfuse::binding
