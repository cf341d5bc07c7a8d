#include "prepare_exchange.hpp"

#include <utility>

#include "../device/device_guard.hpp"
#include "../exchange/exchange_launch.hpp"
#include "../kernels/add_launch.hpp"
#include "arguments.hpp"
#include "cuda_call.hpp"
#include "device_memory.hpp"
#include "exchange_arguments.hpp"
#include "launch.hpp"
#include "norm_arguments.hpp"
#include "overlap.hpp"
#include "pinned_memory.hpp"
#include "wrapped.hpp"

namespace arfuse::binding {
namespace {

/** The first compute capability that backends plan the kernels for; loads and stores have an order across GPUs from 7.0. */
constexpr int kLeastCapability = 80;

/** Lines of a workspace's flags. */
constexpr std::uintptr_t kWorkspaceAlignment = alignof(ExchangeHead);

int attribute_of(int device, cudaDeviceAttr attribute) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, attribute, device), "cudaDeviceGetAttribute");
  return value;
}

/** Every rank's workspace as this rank's device reaches it; its own by its memory. */
void read_workspaces(Napi::Object given, int ranks, ExchangeParams& params) {
  const Napi::Env env = given.Env();
  params.layout = layout_of(given, ranks);
  const void* own = device_pointer(given.Get("place"), "workspace.place", params.layout.bytes);
  if (!given.Get("addresses").IsArray()) refuse(env, "workspace.addresses", "an array with one BigInt per rank");
  const auto list = given.Get("addresses").As<Napi::Array>();
  if (list.Length() != static_cast<std::uint32_t>(ranks))
    refuse(env, "workspace.addresses", std::to_string(ranks) + " addresses, one per rank");
  for (int rank = 0; rank < ranks; ++rank) {
    const std::string name = "workspace.addresses[" + std::to_string(rank) + "]";
    void* address = address_of(list.Get(static_cast<std::uint32_t>(rank)), name);
    if (address == nullptr || reinterpret_cast<std::uintptr_t>(address) % kWorkspaceAlignment != 0)
      refuse(env, name, "a multiple of " + std::to_string(kWorkspaceAlignment) + " that is not 0");
    if ((rank == params.rank) != (address == own))
      refuse(env, name, rank == params.rank ? "the address of workspace.place" : "the address of another rank's workspace");
    for (int other = 0; other < rank; ++other)
      if (address == params.workspace[other]) refuse(env, name, "an address that no other rank has");
    params.workspace[rank] = static_cast<std::byte*>(address);
  }
}

}  // namespace

Napi::Value prepare_exchange(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int device = ordinal_of(info[0]);
  const Napi::Object given = object_of(info[1], "exchange");
  ExchangeShape shape{shot_of(given), dtype_of(given, "dtype"), ranks_of(given), row_bytes_of(given), 0};
  const int rows = integer_of(given, "rows", 1, 1 << 30);
  const std::size_t bytes = static_cast<std::size_t>(rows) * shape.row_bytes;

  ExchangeParams params;
  params.rank = integer_of(given, "rank", 0, shape.ranks - 1);
  params.input = device_pointer(given.Get("input"), "input", bytes);
  params.output = device_pointer(given.Get("output"), "output", bytes);
  refuse_overlap(env, "output", "input", params.output, params.input, bytes);
  const Napi::Object workspace = object_of(given.Get("workspace"), "workspace");
  read_workspaces(workspace, shape.ranks, params);
  for (const auto& [name, buffer] : {std::pair<const char*, const void*>{"input", params.input}, {"output", params.output}})
    if (overlap(buffer, bytes, params.workspace[params.rank], params.layout.bytes))
      refuse(env, name, "a place outside of the workspace, which peers write");
  const char* room = shape.shot == Shot::one ? "oneShotBytes" : "twoShotBytes";
  if (static_cast<double>(bytes) > number_of(workspace, room))
    refuse(env, room, "at least " + std::to_string(bytes) + ", the bytes of " + std::to_string(rows) + " rows");
  const PinnedAllocation& abort = wrapped<PinnedMemory>(given.Get("abort"), "abort").allocation(env);
  if (abort.bytes() < sizeof(std::uint32_t)) refuse(env, "abort", "at least 4 bytes");
  params.abort = reinterpret_cast<const std::uint32_t*>(abort.address());
  if (has(given, "delays")) params.delays = static_cast<std::uint32_t>(integer_of(given, "delays", 0, 0x7fffffff));

  const bool counted = has(given, "multiprocessors");
  int multiprocessors = counted ? integer_of(given, "multiprocessors", 1, 1 << 16) : 0;
  cuda_call(env, [&] {
    const int capability = 10 * attribute_of(device, cudaDevAttrComputeCapabilityMajor) +
                           attribute_of(device, cudaDevAttrComputeCapabilityMinor);
    if (capability < kLeastCapability)
      refuse(env, "device", "compute capability 8.0 or newer, not " + std::to_string(capability / 10) + "." + std::to_string(capability % 10));
    if (!counted) multiprocessors = attribute_of(device, cudaDevAttrMultiProcessorCount);
    const DeviceGuard guard(device);
    check(load_exchange_kernel(shape.shot, shape.dtype, shape.ranks, params.delays != 0), "cudaFuncGetAttributes");
  });
  shape.most_blocks = most_blocks_of(given, shape.ranks, multiprocessors);
  return LaunchObject::wrap(std::make_unique<ExchangeLaunch>(device, rows, shape, params), given);
}

Napi::Value prepare_add(const Napi::CallbackInfo& info) {
  const int device = ordinal_of(info[0]);
  const Napi::Object given = object_of(info[1], "add");
  const Dtype dtype = dtype_of(given, "dtype");
  const std::size_t row_bytes = row_bytes_of(given);
  const int rows = integer_of(given, "rows", 1, 1 << 30);
  const std::size_t bytes = static_cast<std::size_t>(rows) * row_bytes;
  const void* a = device_pointer(given.Get("a"), "a", bytes);
  const void* b = device_pointer(given.Get("b"), "b", bytes);
  void* out = device_pointer(given.Get("out"), "out", bytes);
  refuse_overlap(info.Env(), "out", "a", out, a, bytes);
  refuse_overlap(info.Env(), "out", "b", out, b, bytes);
  const auto row_vectors = static_cast<std::int64_t>(row_bytes / kExchangeVector);
  return LaunchObject::wrap(std::make_unique<AddLaunch>(device, rows, row_vectors, dtype, a, b, out), given);
}

}  // namespace arfuse::binding
