#include "prepare_norm.hpp"

#include "../kernels/norm_launch.hpp"
#include "arguments.hpp"
#include "cuda_call.hpp"
#include "device_memory.hpp"
#include "launch.hpp"
#include "norm_arguments.hpp"

namespace arfuse::binding {

Napi::Value prepare_norm(const Napi::CallbackInfo& info) {
  const int device = ordinal_of(info[0]);
  const Napi::Object given = object_of(info[1], "norm");
  const Dtype dtype = dtype_of(given, "dtype");
  const NormParams params = norm_arguments(given, dtype, device_pointer);
  std::unique_ptr<Launch> launch;
  cuda_call(info.Env(), [&] { launch = std::make_unique<NormLaunch>(device, params, dtype); });
  return LaunchObject::wrap(std::move(launch), given);
}

}  // namespace arfuse::binding
