#pragma once

#include <algorithm>
#include <cstdint>

#include "fusion_pattern.hpp"
#include "shot.hpp"

namespace arfuse {

/** Bytes of a row that a thread holds. */
constexpr int kFusionVector = 16;
/** Blocks of a thread-block cluster at most: what every GPU with clusters can launch. */
constexpr int kMaxFusionCluster = 8;
constexpr int kMaxFusionThreads = 1024;
/** A two-shot kernel has a flag per rank for so many blocks. */
constexpr int kFusionFlags = 256;

/** Largest block of a kernel whose threads have so many registers, which are given out in eights, and to whole warps. */
constexpr int most_fusion_threads(int registers) {
  // Of a multiprocessor, on every GPU that the kernels run on.
  constexpr int kRegisters = 65536;
  return std::min(kRegisters / ((registers + 7) / 8 * 8) / 32 * 32, kMaxFusionThreads);
}

/** A launch, as far as its shape depends on it. */
struct FusionWork {
  Shot shot;
  FusionQuant quant;
  /** Elements that share a scale in `fp8_group`. */
  int group;
  int ranks;
  int rows;
  int hidden;
  /** Elements in 16 bytes. */
  int vector;
};

/** What the shape depends on of the device and of the kernel's code on it. */
struct FusionHardware {
  int multiprocessors;
  /** Largest cluster that can be launched. */
  int max_cluster;
  /** Registers of a thread of the kernel. */
  int registers;
};

/** Shape of a launch: a cluster does a row, and the clusters share out the rows. */
struct FusionGeometry {
  /** Threads of a block; more than `most_fusion_threads` where the row is too wide. */
  int threads;
  /** Blocks of a cluster. */
  int cluster;
  int clusters;
  /** Dynamic shared memory of a block. */
  int shared_bytes;
};

/** Rows of each rank's part in a two-shot launch. */
struct FusionShares {
  int begin[kMaxFusionRanks];
  int count[kMaxFusionRanks];
};

constexpr FusionShares fusion_shares(int rows, int ranks) {
  FusionShares shares{};
  for (int rank = 0; rank < ranks; ++rank) {
    shares.begin[rank] = rank * (rows / ranks) + std::min(rank, rows % ranks);
    shares.count[rank] = rows / ranks + (rank < rows % ranks ? 1 : 0);
  }
  return shares;
}

namespace fusion_detail {

/** Larger blocks and smaller clusters, while the clusters of all rows do not fit the multiprocessors. */
constexpr void fold(FusionGeometry& shape, int rows, int multiprocessors, int most_threads) {
  while (rows * shape.cluster > multiprocessors && shape.cluster > 1 && shape.threads <= most_threads / 2) {
    shape.threads *= 2;
    shape.cluster /= 2;
  }
}

/** Blocks of FP4 kernels that more of fit on a multiprocessor, where they divide the row. */
constexpr void prefer_small_blocks(FusionGeometry& shape, int row_threads, int most_threads) {
  for (const int threads : {160, 192, 128}) {
    const int cluster = row_threads / threads;
    const bool whole = row_threads % threads == 0 && cluster <= kMaxFusionCluster && (cluster & (cluster - 1)) == 0;
    if (threads > most_threads || !whole) continue;
    shape.threads = threads;
    shape.cluster = cluster;
    return;
  }
}

}  // namespace fusion_detail

/** FlashInfer's own choice of a shape, for a rank that has its device alone. */
constexpr FusionGeometry fusion_geometry(const FusionWork& work, const FusionHardware& hardware) {
  const bool one_shot = work.shot == Shot::one;
  // A two-shot rank sums its part of the rows only.
  const int rows = one_shot ? work.rows : (work.rows + work.ranks - 1) / work.ranks;
  const int row_threads = work.hidden / work.vector;
  const int most_threads = most_fusion_threads(hardware.registers);
  FusionGeometry shape{0, kMaxFusionCluster, 0, 0};
  // Powers of two alone: of others, halves would not cover the row.
  while ((shape.cluster > hardware.max_cluster || row_threads % shape.cluster != 0) && shape.cluster > 1) shape.cluster /= 2;
  shape.threads = row_threads / shape.cluster;
  while (shape.threads < 128 && shape.cluster >= 2) {
    shape.threads *= 2;
    shape.cluster /= 2;
  }
  const FusionGeometry base = shape;
  if (work.quant == FusionQuant::fp4) fusion_detail::prefer_small_blocks(shape, row_threads, most_threads);
  fusion_detail::fold(shape, rows, hardware.multiprocessors, most_threads);
  if (one_shot && shape.threads * shape.cluster != row_threads) {
    shape = base;
    fusion_detail::fold(shape, rows, hardware.multiprocessors, most_threads);
  }
  if (work.quant == FusionQuant::fp8_group) {
    // A group's largest value is found within one block.
    while (shape.cluster > 1 && shape.threads * work.vector % work.group != 0) {
      shape.threads *= 2;
      shape.cluster /= 2;
    }
    shape.shared_bytes = shape.threads * work.vector / work.group * static_cast<int>(sizeof(std::uint32_t));
  }
  const int most_blocks = one_shot ? hardware.multiprocessors : std::min(hardware.multiprocessors, kFusionFlags);
  shape.clusters = std::min(most_blocks, rows * shape.cluster) / shape.cluster;
  return shape;
}

/**
 * Whether a launch of ranks that share a device completes: all of them but one fill it with clusters that wait, and the last
 * one needs a free place for one.
 *
 * @param active_clusters how many clusters of the kernel the device holds at a time (`cudaOccupancyMaxActiveClusters`)
 */
constexpr bool shared_fusion_completes(int ranks, int clusters, int active_clusters) {
  return (ranks - 1) * clusters < active_clusters;
}

/**
 * Most clusters of each of the ranks that share a device, 0 where not even one fits. All are on the device at a time, and all
 * but one leave a multiprocessor free, on which other kernels of the last one's stream run before it arrives.
 */
constexpr int most_shared_clusters(int ranks_per_device, int multiprocessors, int cluster, int active_clusters) {
  return std::min(active_clusters / ranks_per_device, (multiprocessors - 1) / (ranks_per_device - 1) / cluster);
}

}  // namespace arfuse
