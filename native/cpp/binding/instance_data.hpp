#pragma once

#include <napi.h>

namespace arfuse::binding {

/** What one environment (the main thread, or a worker) keeps of the addon; freed with it. */
struct InstanceData {
  /** Makes what `Stream.endCapture()` returns. */
  Napi::FunctionReference graph;
  /** Makes what `prepare…()` returns. */
  Napi::FunctionReference launch;
};

inline InstanceData& instance_data(Napi::Env env) { return *env.GetInstanceData<InstanceData>(); }

}  // namespace arfuse::binding
