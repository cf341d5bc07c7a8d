#pragma once

#include <cstddef>
#include <cstdint>

namespace arfuse {

/** Most ranks of an exchange. */
constexpr int kExchangeRanks = 8;
/**
 * Most blocks of a rank in an exchange. The link is full with fewer; the copies within a device, of which a two-shot exchange
 * waits for one, are not.
 */
constexpr int kExchangeBlocks = 64;
/** Most times that a block waits for its peers: once in a one-shot exchange, twice in a two-shot one. */
constexpr int kExchangePhases = 2;
/** Bytes that move together. */
constexpr std::size_t kExchangeVector = 16;

/** What a rank keeps of its exchanges, at the start of its workspace. Its own kernels write it, and the host zeroes it. */
struct ExchangeControl {
  /** Exchanges that have ended. */
  std::uint64_t epoch;
  /** The exchange that began last: `epoch + 1` while one runs. */
  std::uint64_t begun;
  /** Blocks and phases of the exchange that began last. */
  std::uint32_t blocks;
  std::uint32_t phases;
  /** Blocks of the running exchange that have ended. */
  std::uint32_t arrivals;
  /** Whether an exchange was aborted: later ones leave at once, until the head is zeroed. */
  std::uint32_t aborted;
};

/** Flags of one block and phase, by the rank that raises them, on a line of their own: a raised flag holds its exchange's number. */
struct alignas(128) ExchangeFlags {
  /** 64 bits never wrap; in 32, the stale flag of a block that was not launched for 2^31 exchanges would count as raised. */
  std::uint64_t raised[kExchangeRanks];
};

/** The part of a workspace that is zeroed before its first exchange and after an abort. */
struct alignas(128) ExchangeHead {
  ExchangeControl control;
  ExchangeFlags flags[kExchangePhases][kExchangeBlocks];
};

constexpr std::size_t round_up(std::size_t bytes, std::size_t multiple) { return (bytes + multiple - 1) / multiple * multiple; }

/** Vectors of each rank's slice of a tensor; the last slices may be shorter, or empty. */
constexpr std::size_t slice_vectors(std::size_t vectors, int ranks) {
  return (vectors + static_cast<std::size_t>(ranks) - 1) / static_cast<std::size_t>(ranks);
}

/**
 * A rank's workspace, in bytes. It follows from the sizes alone, so that every rank knows its peers' as its own.
 *
 * Two data buffers alternate between exchanges. Within one, each rank has a slot for its part of the tensor: all of it in a
 * one-shot exchange, the owner's slice in a two-shot one, where the sums of all slices come behind the slots. Both kinds
 * share the buffers: an exchange never finds anything there that it needs.
 */
struct ExchangeLayout {
  std::size_t one_shot_slot;
  std::size_t two_shot_slot;
  /** Of the sums within a buffer. */
  std::size_t result;
  std::size_t buffer[2];
  std::size_t bytes;
};

/**
 * @param ranks - 2 … kExchangeRanks
 * @param one_shot_bytes - largest tensor of a one-shot exchange; 0 for none
 * @param two_shot_bytes - largest tensor of a two-shot exchange; 0 for none
 */
constexpr ExchangeLayout exchange_layout(int ranks, std::size_t one_shot_bytes, std::size_t two_shot_bytes) {
  constexpr std::size_t kLine = 256;
  // Whole pages of the driver: an IPC handle opens nothing else of the process.
  constexpr std::size_t kPage = std::size_t{2} << 20;
  const auto count = static_cast<std::size_t>(ranks);
  const std::size_t two_shot_vectors = round_up(two_shot_bytes, kExchangeVector) / kExchangeVector;
  ExchangeLayout layout{};
  layout.one_shot_slot = round_up(one_shot_bytes, kLine);
  layout.two_shot_slot = round_up(slice_vectors(two_shot_vectors, ranks) * kExchangeVector, kLine);
  layout.result = count * layout.two_shot_slot;
  const std::size_t one_shot = count * layout.one_shot_slot;
  const std::size_t two_shot = layout.result + round_up(two_shot_bytes, kLine);
  layout.buffer[0] = round_up(sizeof(ExchangeHead), kLine);
  layout.buffer[1] = layout.buffer[0] + (one_shot > two_shot ? one_shot : two_shot);
  layout.bytes = round_up(2 * layout.buffer[1] - layout.buffer[0], kPage);
  return layout;
}

}  // namespace arfuse
