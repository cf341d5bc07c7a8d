#include "fusion_arguments.hpp"

#include <cstring>

#include "arguments.hpp"
#include "exchange_arguments.hpp"
#include "norm_arguments.hpp"

namespace arfuse::binding {
namespace {

/** Element indices over all ranks' slots are 32-bit integers. */
constexpr std::int64_t kMostElements = (std::int64_t{1} << 31) - 1;

Napi::Number number(Napi::Env env, std::size_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

const FusionPattern& pattern_of(Napi::Object given) {
  const FusionPattern* found = fusion_pattern(integer_of(given, "pattern", 0, 1 << 16));
  if (found == nullptr) refuse(given.Env(), "pattern", "0 to 5 or 8 to 11, a code of FlashInfer's all-reduce fusion");
  return *found;
}

/** `layout({ size, oneShotBytes, twoShotBytes })`. */
Napi::Value layout(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object given = object_of(info[0], "layout");
  const FusionLayout found = fusion_layout_of(given, fusion_ranks_of(given));
  const FusionControl control = fusion_control(found);
  Napi::Object result = Napi::Object::New(env);
  result.Set("bytes", number(env, found.bytes));
  result.Set("control", number(env, found.control));
  auto words = Napi::Int32Array::New(env, sizeof control / sizeof(std::int32_t));
  std::memcpy(words.Data(), &control, sizeof control);
  result.Set("controlWords", words);
  result.Set("table", number(env, found.table));
  result.Set("barrier", number(env, found.barrier));
  result.Set("barrierBytes", number(env, found.barrier_bytes));
  result.Set("lamport", number(env, found.lamport));
  result.Set("lamportBytes", number(env, found.lamport_bytes));
  result.Set("comm", number(env, found.comm));
  result.Set("commBytes", number(env, found.comm_bytes));
  return result;
}

/** `table({ size, oneShotBytes, twoShotBytes, rank, addresses })`: the words of a rank's table. */
Napi::Value table(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object given = object_of(info[0], "table");
  const int ranks = fusion_ranks_of(given);
  const int rank = integer_of(given, "rank", 0, ranks - 1);
  if (!given.Get("addresses").IsArray()) refuse(env, "addresses", "an array with one BigInt per rank");
  const auto list = given.Get("addresses").As<Napi::Array>();
  if (list.Length() != static_cast<std::uint32_t>(ranks)) refuse(env, "addresses", std::to_string(ranks) + " addresses, one per rank");
  std::uint64_t workspaces[kMaxFusionRanks];
  for (int peer = 0; peer < ranks; ++peer) {
    const std::string name = "addresses[" + std::to_string(peer) + "]";
    workspaces[peer] = reinterpret_cast<std::uint64_t>(address_of(list.Get(static_cast<std::uint32_t>(peer)), name));
    if (workspaces[peer] == 0 || workspaces[peer] % kFusionVector != 0) refuse(env, name, "a multiple of 16 that is not 0");
    for (int other = 0; other < peer; ++other)
      if (workspaces[other] == workspaces[peer]) refuse(env, name, "an address that no other rank has");
  }
  auto words = Napi::BigUint64Array::New(env, static_cast<std::size_t>(fusion_table_entries(ranks)));
  fusion_table(fusion_layout_of(given, ranks), ranks, rank, workspaces, words.Data());
  return words.As<Napi::Value>();
}

/** `geometry({ …work, multiprocessors, registers, maxCluster?, ranksPerDevice, activeClusters? })`. */
Napi::Value geometry(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object given = object_of(info[0], "geometry");
  const FusionWork work = fusion_work_of(given);
  const FusionHardware hardware{integer_of(given, "multiprocessors", 1, 1 << 16),
                                has(given, "maxCluster") ? integer_of(given, "maxCluster", 1, 1 << 16) : kMaxFusionCluster,
                                integer_of(given, "registers", 1, 255)};
  FusionGeometry found = fusion_geometry(work, hardware);
  const int sharing = sharing_of(given, work.ranks);
  if (sharing > 1) {
    const int active = integer_of(given, "activeClusters", 1, 1 << 20);
    found.clusters = std::min(found.clusters, most_shared_clusters(sharing, hardware.multiprocessors, found.cluster, active));
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("threads", found.threads);
  result.Set("cluster", found.cluster);
  result.Set("blocks", found.clusters * found.cluster);
  result.Set("sharedBytes", found.shared_bytes);
  result.Set("mostThreads", most_fusion_threads(hardware.registers));
  return result;
}

/** `completes({ ranksPerDevice, clusters, activeClusters })`. */
Napi::Value completes(const Napi::CallbackInfo& info) {
  const Napi::Object given = object_of(info[0], "completes");
  return Napi::Boolean::New(info.Env(), shared_fusion_completes(integer_of(given, "ranksPerDevice", 1, kMaxFusionRanks),
                                                                integer_of(given, "clusters", 1, 1 << 20),
                                                                integer_of(given, "activeClusters", 1, 1 << 20)));
}

/** `shares({ rows, size })`: rows of each rank's part in a two-shot launch. */
Napi::Value shares(const Napi::CallbackInfo& info) {
  const Napi::Object given = object_of(info[0], "shares");
  const int ranks = fusion_ranks_of(given);
  const FusionShares found = fusion_shares(integer_of(given, "rows", 1, 1 << 30), ranks);
  Napi::Array result = Napi::Array::New(info.Env());
  for (int rank = 0; rank < ranks; ++rank) {
    const Napi::Object share = Napi::Object::New(info.Env());
    share.Set("begin", found.begin[rank]);
    share.Set("count", found.count[rank]);
    result.Set(result.Length(), share);
  }
  return result;
}

}  // namespace

int fusion_ranks_of(Napi::Object given) {
  const double size = number_of(given, "size");
  for (const int known : kFusionSizes)
    if (size == known) return known;
  refuse(given.Env(), "size", "2, 4, 8 or 16 ranks");
}

FusionWork fusion_work_of(Napi::Object given) {
  const Napi::Env env = given.Env();
  const FusionPattern& pattern = pattern_of(given);
  FusionWork work{shot_of(given), pattern.quant, 0, fusion_ranks_of(given), integer_of(given, "rows", 1, 1 << 30), 0, 0};
  const Dtype dtype = dtype_of(given, "dtype");
  work.vector = kFusionVector / static_cast<int>(size_of(dtype));
  work.hidden = integer_of(given, "hidden", 1, 1 << 24);
  if (work.hidden % work.vector != 0) refuse(env, "hidden", "rows of whole 16-byte vectors");
  if (std::int64_t{work.ranks} * work.rows * work.hidden > kMostElements)
    refuse(env, "rows", "ranks x rows x hidden below 2^31: the kernels count elements in 32 bits");
  if (work.quant == FusionQuant::fp4 && (dtype == Dtype::f32 || work.hidden % 16 != 0))
    refuse(env, "pattern", "16-bit activations in groups of 16 for FP4");
  if (work.quant == FusionQuant::fp8_group) {
    work.group = integer_of(given, "group", work.vector, 32 * work.vector);
    const int lanes = work.group / work.vector;
    if (work.group % work.vector != 0 || (lanes & (lanes - 1)) != 0 || work.hidden % work.group != 0)
      refuse(env, "group", "a divisor of hidden " + std::to_string(work.hidden) + " that a power of two of threads holds");
  }
  return work;
}

FusionLayout fusion_layout_of(Napi::Object given, int ranks) {
  const FusionLayout layout = fusion_layout(ranks, tensor_bytes_of(given, "oneShotBytes"), tensor_bytes_of(given, "twoShotBytes"));
  if (layout.lamport_bytes > kMaxLamportBytes)
    refuse(given.Env(), "oneShotBytes",
           "a Lamport buffer below 1 GiB, not " + std::to_string(layout.lamport_bytes) + " bytes for all ranks");
  return layout;
}

int sharing_of(Napi::Object given, int ranks) { return integer_of(given, "ranksPerDevice", 1, ranks); }

Napi::Object fusion_functions(Napi::Env env) {
  Napi::Object found = Napi::Object::New(env);
  found.Set("layout", Napi::Function::New(env, layout, "layout"));
  found.Set("table", Napi::Function::New(env, table, "table"));
  found.Set("geometry", Napi::Function::New(env, geometry, "geometry"));
  found.Set("completes", Napi::Function::New(env, completes, "completes"));
  found.Set("shares", Napi::Function::New(env, shares, "shares"));
  return found;
}

}  // namespace arfuse::binding
