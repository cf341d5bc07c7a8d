#include <napi.h>

#include "arguments.hpp"
#include "arithmetic.hpp"
#include "check_functions.hpp"
#include "exchange_arguments.hpp"
#include "fusion_arguments.hpp"
#if defined(ARFUSE_CUDA)
#include "../check/check.hpp"
#include "../check/producer.hpp"
#include "../device/abandoned.hpp"
#include "../device/devices.hpp"
#include "../exchange/exchange.hpp"
#include "../kernels/add.hpp"
#include "../kernels/norm.hpp"
#include "cuda_call.hpp"
#include "device_memory.hpp"
#include "event.hpp"
#include "graph.hpp"
#include "instance_data.hpp"
#include "launch.hpp"
#include "nccl_communicator.hpp"
#include "nccl_library.hpp"
#include "peer_memory.hpp"
#include "pinned_memory.hpp"
#include "prepare_exchange.hpp"
#include "prepare_norm.hpp"
#include "stream.hpp"
#endif
#if defined(ARFUSE_FLASHINFER)
#include "../flashinfer/fusion.hpp"
#include "prepare_fusion.hpp"
#endif

namespace {

/** Raised with every change of what the loader's TypeScript relies on. */
constexpr int kAbi = 7;

#if defined(ARFUSE_CUDA)
Napi::Value flag_or_null(Napi::Env env, std::optional<bool> flag) {
  if (!flag) return env.Null();
  return Napi::Boolean::New(env, *flag);
}

/** `devices()`: what the CUDA runtime sees. Opens the driver, so it is called in a child process only. */
Napi::Value devices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const arfuse::DeviceList found = arfuse::list_devices();
  Napi::Object result = Napi::Object::New(env);
  result.Set("driverVersion", found.driver_version);
  result.Set("runtimeVersion", found.runtime_version);
  result.Set("error", found.error.empty() ? env.Null() : Napi::String::New(env, found.error));
  const Napi::Array list = Napi::Array::New(env);
  for (const arfuse::DeviceFacts& facts : found.devices) {
    const Napi::Object device = Napi::Object::New(env);
    device.Set("name", facts.name);
    device.Set("capability", facts.capability);
    device.Set("memoryBytes", static_cast<double>(facts.memory_bytes));
    device.Set("multiprocessors", facts.multiprocessors);
    device.Set("pciBusId", facts.pci_bus_id);
    device.Set("uuid", facts.uuid);
    const Napi::Array peers = Napi::Array::New(env);
    for (const bool peer : facts.peers) peers.Set(peers.Length(), Napi::Boolean::New(env, peer));
    device.Set("peers", peers);
    const Napi::Array atomics = Napi::Array::New(env);
    for (const bool atomic : facts.peer_atomics) atomics.Set(atomics.Length(), Napi::Boolean::New(env, atomic));
    device.Set("peerAtomics", atomics);
    device.Set("multicast", flag_or_null(env, facts.multicast));
    list.Set(list.Length(), device);
  }
  result.Set("devices", list);
  return result;
}
#endif

#if defined(ARFUSE_CUDA)
/** `abandon(device)`: its kernels do not end; from now on nothing of it is freed before the end of the process. */
void abandon(const Napi::CallbackInfo& info) { arfuse::Abandoned::add(arfuse::binding::ordinal_of(info[0])); }

/** `loadKernels(device)`: loads every kernel onto a device, since a first launch blocks behind one that spins. */
void load_kernels(const Napi::CallbackInfo& info) {
  const int device = arfuse::binding::ordinal_of(info[0]);
  arfuse::binding::cuda_call(info.Env(), [&] {
    const arfuse::DeviceGuard guard(device);
    arfuse::check(arfuse::load_norm_kernels(), "cudaFuncGetAttributes");
    arfuse::check(arfuse::load_add_kernels(), "cudaFuncGetAttributes");
    arfuse::check(arfuse::load_exchange_kernels(), "cudaFuncGetAttributes");
    arfuse::check(arfuse::load_check_kernels(), "cudaFuncGetAttributes");
    arfuse::check(arfuse::load_producer_kernels(), "cudaFuncGetAttributes");
#if defined(ARFUSE_FLASHINFER)
    int major = 0;
    arfuse::check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "cudaDeviceGetAttribute");
    arfuse::check(arfuse::load_fusion_kernels(10 * major), "cudaFuncGetAttributes");
#endif
  });
}
#endif

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("abi", kAbi);
  exports.Set("arithmetic", arfuse::binding::arithmetic(env));
  exports.Set("check", arfuse::binding::check_functions(env));
  exports.Set("exchange", arfuse::binding::exchange_functions(env));
  exports.Set("fusion", arfuse::binding::fusion_functions(env));
#if defined(ARFUSE_FLASHINFER)
  exports.Set("flashinferVersion", ARFUSE_FLASHINFER);
  exports.Set("prepareFusion", Napi::Function::New(env, arfuse::binding::prepare_fusion, "prepareFusion"));
#else
  exports.Set("flashinferVersion", env.Null());
#endif
#if defined(ARFUSE_CUDA)
  exports.Set("cudaArchitectures", ARFUSE_CUDA_ARCHS);
  exports.Set("devices", Napi::Function::New(env, devices, "devices"));
  exports.Set("loadKernels", Napi::Function::New(env, load_kernels, "loadKernels"));
  exports.Set("DeviceMemory", arfuse::binding::DeviceMemory::define(env));
  exports.Set("Event", arfuse::binding::EventObject::define(env));
  exports.Set("NcclCommunicator", arfuse::binding::NcclCommunicator::define(env));
  exports.Set("NcclLibrary", arfuse::binding::NcclLibrary::define(env));
  exports.Set("PeerMemory", arfuse::binding::PeerMemory::define(env));
  exports.Set("PinnedMemory", arfuse::binding::PinnedMemory::define(env));
  exports.Set("Stream", arfuse::binding::StreamObject::define(env));
  exports.Set("abandon", Napi::Function::New(env, abandon, "abandon"));
  exports.Set("enablePeerAccess", Napi::Function::New(env, arfuse::binding::enable_peer_access, "enablePeerAccess"));
  exports.Set("prepareAdd", Napi::Function::New(env, arfuse::binding::prepare_add, "prepareAdd"));
  exports.Set("prepareAllReduce", Napi::Function::New(env, arfuse::binding::prepare_all_reduce, "prepareAllReduce"));
  exports.Set("prepareExchange", Napi::Function::New(env, arfuse::binding::prepare_exchange, "prepareExchange"));
  exports.Set("prepareNorm", Napi::Function::New(env, arfuse::binding::prepare_norm, "prepareNorm"));
  auto* data = new arfuse::binding::InstanceData();
  data->graph = Napi::Persistent(arfuse::binding::GraphObject::define(env));
  data->launch = Napi::Persistent(arfuse::binding::LaunchObject::define(env));
  env.SetInstanceData(data);
#else
  exports.Set("cudaArchitectures", env.Null());
#endif
  return exports;
}

}  // namespace

NODE_API_MODULE(arfuse, initialise)
