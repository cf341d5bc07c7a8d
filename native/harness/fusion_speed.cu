// FlashInfer's fused launch without arfuse, for `pnpm gpu:fusion`: ranks share one GPU, each replays a graph of launches.
// Reads cases from standard input, `RANKS HIDDEN TOKENS one-shot|two-shot ROUNDS BLOCKS`, and prints a line of JSON for each.
// BLOCKS 0 is the header's own launcher; otherwise its kernel in that grid. Times only: nothing is checked.
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#define ARFUSE_FUSION_UNIT fusion_speed
#include "../cpp/flashinfer/fusion_header.cuh"
#include "../cpp/launch/fusion_layout.hpp"

namespace arfuse {
namespace {

constexpr auto kPattern = upstream::AllReduceFusionPattern::kARResidualRMSNorm;
constexpr int kLaunches = 20;
constexpr int kWarmUps = 3;
/** Copied before every round, while the ranks' graphs are enqueued behind it. */
constexpr std::size_t kGateBytes = std::size_t{512} << 20;
constexpr int kGateCopies = 3;
/** A case that takes longer hangs: the process ends, and the GPU is free again. */
constexpr unsigned kCaseSeconds = 60;
/** bf16 of about 0.75. */
constexpr int kFillByte = 0x3f;

void check(cudaError_t code, const char* what) {
  if (code != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(code));
}

struct Case {
  int ranks;
  int hidden;
  int tokens;
  Shot shot;
  int rounds;
  int blocks;
};

class Buffer {
 public:
  explicit Buffer(std::size_t bytes, int fill = 0) {
    check(cudaMalloc(&address_, bytes), "cudaMalloc");
    check(cudaMemset(address_, fill, bytes), "cudaMemset");
  }
  ~Buffer() { cudaFree(address_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  std::byte* get() const { return static_cast<std::byte*>(address_); }

 private:
  void* address_ = nullptr;
};

class Event {
 public:
  Event() { check(cudaEventCreate(&event_), "cudaEventCreate"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/** One rank: its stream, workspace and tensors. */
struct Rank {
  Rank(const FusionLayout& layout, std::size_t tensor, std::size_t row)
      : workspace(layout.bytes), input(tensor, kFillByte), residual(tensor, kFillByte), residual_out(tensor), norm_out(tensor), weight(row, kFillByte) {
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
    const FusionControl control = fusion_control(layout);
    check(cudaMemcpy(workspace.get() + layout.control, &control, sizeof control, cudaMemcpyHostToDevice), "cudaMemcpy");
    const std::vector<std::uint16_t> empty(3 * layout.lamport_bytes / 2, 0x8000);
    check(cudaMemcpy(workspace.get() + layout.lamport, empty.data(), 3 * layout.lamport_bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  ~Rank() {
    if (graph != nullptr) cudaGraphExecDestroy(graph);
    cudaStreamDestroy(stream);
  }
  Rank(const Rank&) = delete;
  Rank& operator=(const Rank&) = delete;

  Buffer workspace, input, residual, residual_out, norm_out, weight;
  Event end;
  cudaStream_t stream = nullptr;
  cudaGraphExec_t graph = nullptr;
};

upstream::AllReduceFusionParams<nv_bfloat16> params_of(const Case& given, const Rank& rank, int index, const FusionLayout& layout) {
  upstream::AllReduceFusionParams<nv_bfloat16> params{};
  params.nranks = given.ranks;
  params.rank = index;
  params.size = given.tokens * given.hidden;
  params.hidden_dim = given.hidden;
  params.workspace = reinterpret_cast<void**>(rank.workspace.get() + layout.table);
  params.allreduce_in = rank.input.get();
  params.residual_in = rank.residual.get();
  params.residual_out = rank.residual_out.get();
  params.norm_out = rank.norm_out.get();
  params.rms_gamma = rank.weight.get();
  params.rms_eps = 1e-5f;
  params.use_oneshot = given.shot == Shot::one;
  params.stream = rank.stream;
  params.pattern = kPattern;
  params.trigger_completion_at_end = true;
  return params;
}

/** The kernel in a grid that is given. */
void launch(const void* kernel, upstream::AllReduceFusionParams<nv_bfloat16> params, FusionShares shares, const FusionGeometry& shape) {
  void* arguments[] = {&params, shares.begin, shares.count};
  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {static_cast<unsigned>(shape.cluster), 1, 1};
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(shape.clusters * shape.cluster));
  config.blockDim = dim3(static_cast<unsigned>(shape.threads));
  config.stream = params.stream;
  config.attrs = &cluster;
  config.numAttrs = 1;
  check(cudaLaunchKernelExC(&config, kernel, arguments), "cudaLaunchKernelExC");
}

int active_clusters(const void* kernel, const FusionGeometry& shape) {
  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {static_cast<unsigned>(shape.cluster), 1, 1};
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(shape.clusters * shape.cluster));
  config.blockDim = dim3(static_cast<unsigned>(shape.threads));
  config.attrs = &cluster;
  config.numAttrs = 1;
  int found = 0;
  check(cudaOccupancyMaxActiveClusters(&found, kernel, &config), "cudaOccupancyMaxActiveClusters");
  return found;
}

template <int kRanks>
void run(const Case& given) {
  const void* kernel = FusionOf<kPattern, nv_bfloat16>::code(given.shot, kRanks);
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, kernel), "cudaFuncGetAttributes");
  int multiprocessors = 0;
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0), "cudaDeviceGetAttribute");
  const FusionWork work{given.shot, FusionQuant::none, 0, kRanks, given.tokens, given.hidden, 8};
  FusionGeometry shape = fusion_geometry(work, {multiprocessors, kMaxFusionCluster, attributes.numRegs});
  const int active = active_clusters(kernel, shape);
  if (given.blocks > 0) shape.clusters = given.blocks / shape.cluster;
  std::printf("{\"threads\":%d,\"cluster\":%d,\"blocks\":%d,\"registers\":%d,\"activeClusters\":%d,\"multiprocessors\":%d,\"us\":[", shape.threads,
              shape.cluster, shape.clusters * shape.cluster, attributes.numRegs, active, multiprocessors);
  if (given.rounds == 0 || !shared_fusion_completes(kRanks, shape.clusters, active)) {
    std::printf("],\"completes\":%s}\n", given.rounds == 0 ? "null" : "false");
    return;
  }

  const std::size_t row = static_cast<std::size_t>(given.hidden) * sizeof(nv_bfloat16);
  const std::size_t tensor = static_cast<std::size_t>(given.tokens) * row;
  const bool one_shot = given.shot == Shot::one;
  const FusionLayout layout = fusion_layout(kRanks, one_shot ? tensor : 0, one_shot ? 0 : tensor);
  std::vector<std::unique_ptr<Rank>> ranks;
  std::vector<std::uint64_t> workspaces;
  for (int rank = 0; rank < kRanks; ++rank) {
    ranks.push_back(std::make_unique<Rank>(layout, tensor, row));
    workspaces.push_back(reinterpret_cast<std::uint64_t>(ranks.back()->workspace.get()));
  }
  for (int rank = 0; rank < kRanks; ++rank) {
    std::vector<std::uint64_t> table(static_cast<std::size_t>(fusion_table_entries(kRanks)));
    fusion_table(layout, kRanks, rank, workspaces.data(), table.data());
    check(cudaMemcpy(ranks[rank]->workspace.get() + layout.table, table.data(), table.size() * sizeof(std::uint64_t), cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  for (int rank = 0; rank < kRanks; ++rank) {
    Rank& at = *ranks[rank];
    const auto params = params_of(given, at, rank, layout);
    check(cudaStreamBeginCapture(at.stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    for (int i = 0; i < kLaunches; ++i) {
      if (given.blocks > 0)
        launch(kernel, params, fusion_shares(given.tokens, kRanks), shape);
      else
        check(upstream::allreduce_fusion_kernel_launcher<kPattern, nv_bfloat16, kRanks, true>(params, false), "FlashInfer");
    }
    cudaGraph_t captured = nullptr;
    check(cudaStreamEndCapture(at.stream, &captured), "cudaStreamEndCapture");
    check(cudaGraphInstantiate(&at.graph, captured, 0), "cudaGraphInstantiate");
    cudaGraphDestroy(captured);
  }

  const Buffer from(kGateBytes), to(kGateBytes);
  const Event start;
  for (int round = -kWarmUps; round < given.rounds; ++round) {
    for (int copy = 0; copy < kGateCopies; ++copy)
      check(cudaMemcpyAsync(to.get(), from.get(), kGateBytes, cudaMemcpyDeviceToDevice, ranks[0]->stream), "cudaMemcpyAsync");
    check(cudaEventRecord(start.get(), ranks[0]->stream), "cudaEventRecord");
    for (const auto& rank : ranks) {
      if (rank != ranks[0]) check(cudaStreamWaitEvent(rank->stream, start.get(), 0), "cudaStreamWaitEvent");
      check(cudaGraphLaunch(rank->graph, rank->stream), "cudaGraphLaunch");
      check(cudaEventRecord(rank->end.get(), rank->stream), "cudaEventRecord");
    }
    float longest = 0;
    for (const auto& rank : ranks) {
      check(cudaEventSynchronize(rank->end.get()), "cudaEventSynchronize");
      float ms = 0;
      check(cudaEventElapsedTime(&ms, start.get(), rank->end.get()), "cudaEventElapsedTime");
      longest = std::max(longest, ms);
    }
    if (round >= 0) std::printf("%s%.4f", round == 0 ? "" : ",", longest * 1000.0f / kLaunches);
  }
  std::printf("],\"completes\":true}\n");
}

/** @return false at the end of the input */
bool read_case(Case& found) {
  char shot[16] = {};
  const int fields = std::scanf("%d %d %d %15s %d %d", &found.ranks, &found.hidden, &found.tokens, shot, &found.rounds, &found.blocks);
  if (fields == EOF) return false;
  const std::string name = shot;
  if (fields != 6 || (name != "one-shot" && name != "two-shot") || found.hidden < 8 || found.hidden % 8 != 0 || found.tokens < 1)
    throw std::runtime_error("a case is RANKS HIDDEN TOKENS one-shot|two-shot ROUNDS BLOCKS");
  found.shot = name == "one-shot" ? Shot::one : Shot::two;
  return true;
}

}  // namespace
}  // namespace arfuse

int main() {
  try {
    for (arfuse::Case given{}; arfuse::read_case(given);) {
      alarm(arfuse::kCaseSeconds);
      switch (given.ranks) {
        case 2:
          arfuse::run<2>(given);
          break;
        case 4:
          arfuse::run<4>(given);
          break;
        case 8:
          arfuse::run<8>(given);
          break;
        default:
          throw std::runtime_error("RANKS is 2, 4 or 8");
      }
      std::fflush(stdout);
      alarm(0);
    }
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "fusion_speed: %s\n", failure.what());
    return 1;
  }
}
