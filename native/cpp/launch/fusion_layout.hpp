#pragma once

#include <cstddef>
#include <cstdint>

#include "exchange_layout.hpp"
#include "fusion_geometry.hpp"

namespace arfuse {

/** Words that a rank's kernels keep between launches. */
struct FusionControl {
  /** Blocks of the running launch that have begun. */
  std::int32_t arrivals;
  /** Of the two-shot barrier: 0 … 2. */
  std::int32_t barrier;
  /** Lamport buffer of the next one-shot launch: 0 … 2. */
  std::int32_t lamport;
  /** Bytes of one Lamport buffer. */
  std::int32_t lamport_bytes;
  /** Elements that the one-shot launch before has used, and the next one clears. */
  std::int32_t clear_elements;
};
static_assert(sizeof(FusionControl) == 20);

/** Lamport buffers stay below: offsets of up to twice their size are computed in 32 bits. */
constexpr std::size_t kMaxLamportBytes = (std::size_t{1} << 30) - 1;

/** Pointers of the table that kernels read: every rank's `comm`, `barrier` and `lamport`, then the own `control`. */
constexpr int fusion_table_entries(int ranks) { return 3 * ranks + 1; }

/**
 * A rank's workspace, as offsets in bytes. It follows from the sizes alone, so that every rank knows its peers' as its own.
 * What is initialised by the byte stands first.
 */
struct FusionLayout {
  /** Only the rank's own kernels use it. */
  std::size_t control;
  /** The device's table of pointers. */
  std::size_t table;
  /** Flags by block and rank, for two-shot launches. */
  std::size_t barrier;
  std::size_t barrier_bytes;
  /** Three buffers with a slot per rank, for one-shot launches; empty slots hold -0. */
  std::size_t lamport;
  /** Of one of the three. */
  std::size_t lamport_bytes;
  /** The rank's tensor and the sum, for two-shot launches. */
  std::size_t comm;
  std::size_t comm_bytes;
  std::size_t bytes;
};

/**
 * @param one_shot_bytes - largest tensor of a one-shot launch, whole vectors; 0 for none
 * @param two_shot_bytes - largest tensor of a two-shot launch; 0 for none
 */
constexpr FusionLayout fusion_layout(int ranks, std::size_t one_shot_bytes, std::size_t two_shot_bytes) {
  constexpr std::size_t kLine = 256;
  // Whole pages of the driver: an IPC handle opens nothing else of the process.
  constexpr std::size_t kPage = std::size_t{2} << 20;
  const auto count = static_cast<std::size_t>(ranks);
  FusionLayout layout{};
  layout.control = 0;
  layout.table = round_up(sizeof(FusionControl), kLine);
  const std::size_t table_bytes = static_cast<std::size_t>(fusion_table_entries(ranks)) * sizeof(std::uint64_t);
  layout.barrier = round_up(layout.table + table_bytes, kLine);
  layout.barrier_bytes = count * kFusionFlags * sizeof(std::int32_t);
  layout.lamport = round_up(layout.barrier + layout.barrier_bytes, kLine);
  layout.lamport_bytes = round_up(count * one_shot_bytes, kFusionVector);
  layout.comm = round_up(layout.lamport + 3 * layout.lamport_bytes, kLine);
  layout.comm_bytes = 2 * round_up(two_shot_bytes, kFusionVector);
  layout.bytes = round_up(layout.comm + layout.comm_bytes, kPage);
  return layout;
}

constexpr FusionControl fusion_control(const FusionLayout& layout) {
  return {0, 0, 0, static_cast<std::int32_t>(layout.lamport_bytes), 0};
}

/**
 * The table of one rank.
 * @param workspaces every rank's workspace, as the rank's device reaches it
 * @param entries `fusion_table_entries(ranks)` words
 */
inline void fusion_table(const FusionLayout& layout, int ranks, int rank, const std::uint64_t* workspaces, std::uint64_t* entries) {
  for (int peer = 0; peer < ranks; ++peer) {
    entries[peer] = workspaces[peer] + layout.comm;
    entries[ranks + peer] = workspaces[peer] + layout.barrier;
    entries[2 * ranks + peer] = workspaces[peer] + layout.lamport;
  }
  entries[fusion_table_entries(ranks) - 1] = workspaces[rank] + layout.control;
}

}  // namespace arfuse
