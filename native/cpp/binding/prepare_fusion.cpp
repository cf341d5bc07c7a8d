#include "prepare_fusion.hpp"

#include "../device/device_guard.hpp"
#include "../flashinfer/fusion.hpp"
#include "../flashinfer/fusion_launch.hpp"
#include "arguments.hpp"
#include "cuda_call.hpp"
#include "device_memory.hpp"
#include "exchange_arguments.hpp"
#include "fusion_arguments.hpp"
#include "fusion_buffers.hpp"
#include "launch.hpp"
#include "norm_arguments.hpp"

namespace arfuse::binding {
namespace {

int attribute_of(int device, cudaDeviceAttr attribute) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, attribute, device), "cudaDeviceGetAttribute");
  return value;
}

std::string decimal(int capability) { return std::to_string(capability / 10) + "." + std::to_string(capability % 10); }

/** The device's table of pointers, which the workspace holds. */
void** table_of(Napi::Object workspace, const FusionWork& work, std::size_t bytes) {
  const FusionLayout layout = fusion_layout_of(workspace, work.ranks);
  auto* own = static_cast<std::byte*>(device_pointer(workspace.Get("place"), "workspace.place", layout.bytes));
  const char* room = work.shot == Shot::one ? "oneShotBytes" : "twoShotBytes";
  if (static_cast<double>(bytes) > number_of(workspace, room))
    refuse(workspace.Env(), room, "at least " + std::to_string(bytes) + ", the bytes of " + std::to_string(work.rows) + " rows");
  return reinterpret_cast<void**>(own + layout.table);
}

/** What the device must be. */
void refuse_device(Napi::Env env, int capability, const FusionWork& work) {
  if (!fusion_runs_on(capability)) refuse(env, "device", "compute capability 9.x, 10.x or 12.x, not " + decimal(capability));
  if (work.quant == FusionQuant::fp4 && capability < kLeastFp4Capability)
    refuse(env, "pattern", "one without FP4 below compute capability 10.0: on " + decimal(capability) + " the kernel writes zeros");
}

/** Most clusters of every shape that a launch of up to `work.rows` rows can have. @throws Napi::TypeError for a shape that does not fit */
FusionLimits limits_of(Napi::Object given, const void* code, FusionWork work, const FusionHardware& hardware) {
  const Napi::Env env = given.Env();
  const int sharing = sharing_of(given, work.ranks);
  const int most_threads = most_fusion_threads(hardware.registers);
  const int last = work.rows;
  FusionLimits limits{};
  for (work.rows = work.shot == Shot::two ? std::min(work.ranks + 1, last) : 1; work.rows <= last; ++work.rows) {
    const FusionGeometry geometry = fusion_geometry(work, hardware);
    int& limit = limits[static_cast<std::size_t>(geometry.cluster)];
    if (limit != 0) continue;
    if (geometry.threads > most_threads)
      refuse(env, "hidden",
             "rows that blocks of " + std::to_string(most_threads) + " threads hold, the most with " + std::to_string(hardware.registers) +
                 " registers each; " + std::to_string(work.hidden) + " needs " + std::to_string(geometry.threads));
    if (work.shot == Shot::two && geometry.threads < work.ranks)
      refuse(env, "hidden", "rows of at least as many 16-byte vectors as ranks");
    limit = hardware.multiprocessors;
    if (sharing == 1) continue;
    const int active = active_fusion_clusters(code, geometry);
    limit = most_shared_clusters(sharing, hardware.multiprocessors, geometry.cluster, active);
    if (limit < 1)
      refuse(env, "ranksPerDevice",
             "ranks whose clusters of " + std::to_string(geometry.cluster) + " blocks fit the device together; it holds " +
                 std::to_string(active) + " clusters on " + std::to_string(hardware.multiprocessors) + " multiprocessors");
  }
  return limits;
}

}  // namespace

Napi::Value prepare_fusion(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int device = ordinal_of(info[0]);
  const Napi::Object given = object_of(info[1], "fusion");
  const FusionWork work = fusion_work_of(given);
  const FusionKernel kernel{integer_of(given, "pattern", 0, 1 << 16), work.shot, dtype_of(given, "dtype"), work.ranks};
  if (work.shot == Shot::two && work.rows <= work.ranks)
    refuse(env, "rows", "more than " + std::to_string(work.ranks) + ", the ranks, for a two-shot launch");
  sharing_of(given, work.ranks);
  FusionParams params = fusion_params_of(given, kernel, work);
  const std::size_t bytes = static_cast<std::size_t>(work.rows) * static_cast<std::size_t>(work.hidden) * size_of(kernel.dtype);
  params.table = table_of(object_of(given.Get("workspace"), "workspace"), work, bytes);
  const void* code = fusion_code(kernel);
  if (code == nullptr) refuse(env, "pattern", "one that this addon was compiled with: build it for 100f or 120a to have FP4");

  const bool counted = has(given, "multiprocessors");
  int multiprocessors = counted ? integer_of(given, "multiprocessors", 1, 1 << 16) : 0;
  std::unique_ptr<Launch> launch;
  cuda_call(env, [&] {
    refuse_device(env,
                  10 * attribute_of(device, cudaDevAttrComputeCapabilityMajor) +
                      attribute_of(device, cudaDevAttrComputeCapabilityMinor),
                  work);
    if (!counted) multiprocessors = attribute_of(device, cudaDevAttrMultiProcessorCount);
    const DeviceGuard guard(device);
    const FusionHardware hardware = fusion_hardware(code, multiprocessors);
    const FusionLimits limits = limits_of(given, code, work, hardware);
    launch = std::make_unique<FusionLaunch>(device, code, kernel, params, work, hardware, limits);
  });
  return LaunchObject::wrap(std::move(launch), given);
}

}  // namespace arfuse::binding
