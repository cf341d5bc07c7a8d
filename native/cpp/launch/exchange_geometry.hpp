#pragma once

#include <algorithm>

#include "exchange_layout.hpp"
#include "shot.hpp"

namespace arfuse {

/** Threads of a block. */
constexpr int kExchangeThreads = 512;

/**
 * Most blocks of a rank. Ranks that share a device spin side by side: all of them but one leave a multiprocessor free, on which
 * the last one's earlier kernels run, and its exchange after them.
 */
constexpr int most_exchange_blocks(int ranks_per_device, int multiprocessors) {
  if (ranks_per_device == 1) return kExchangeBlocks;
  return std::clamp((multiprocessors - 1) / (ranks_per_device - 1), 1, kExchangeBlocks);
}

/** Whether ranks that share a device leave a multiprocessor free even with one block each. */
constexpr bool exchange_fits(int ranks_per_device, int multiprocessors) { return ranks_per_device - 1 < multiprocessors; }

/** Shape of an exchange. Every rank must come to the same one: a block waits for the same block of its peers. */
struct ExchangeGeometry {
  int blocks;
  /** Vectors of the tensor. */
  std::int64_t vectors;
  /** Vectors that the blocks share out: the tensor's, or a slice's in a two-shot exchange. */
  std::int64_t shared;
};

constexpr ExchangeGeometry exchange_geometry(Shot shot, std::size_t bytes, int ranks, int most_blocks) {
  const std::size_t vectors = bytes / kExchangeVector;
  const std::size_t shared = shot == Shot::one ? vectors : slice_vectors(vectors, ranks);
  const std::size_t blocks = (shared + kExchangeThreads - 1) / kExchangeThreads;
  return {static_cast<int>(std::clamp<std::size_t>(blocks, 1, static_cast<std::size_t>(most_blocks))),
          static_cast<std::int64_t>(vectors), static_cast<std::int64_t>(shared)};
}

}  // namespace arfuse
