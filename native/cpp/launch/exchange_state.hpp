#pragma once

#include <algorithm>

#include "exchange_layout.hpp"

namespace arfuse {

/** What a copy of a rank's head says about its exchanges. */
struct ExchangeState {
  /** Exchanges that have ended. */
  std::uint64_t epoch;
  bool running;
  bool aborted;
  /**
   * One bit per rank that the running exchange still waits for: in the first phase in which it waits for any, since a peer that
   * waits for another rank itself comes to no later phase.
   */
  std::uint32_t missing;
};

inline ExchangeState exchange_state(const ExchangeHead& head, int rank, int ranks) {
  const ExchangeControl& control = head.control;
  ExchangeState state{control.epoch, control.begun > control.epoch, control.aborted != 0, 0};
  if (!state.running) return state;
  // The copy may be torn: nothing in it is taken for an index.
  const std::uint32_t phases = std::min<std::uint32_t>(control.phases, kExchangePhases);
  const std::uint32_t blocks = std::min<std::uint32_t>(control.blocks, kExchangeBlocks);
  for (std::uint32_t phase = 0; phase < phases && state.missing == 0; ++phase)
    for (std::uint32_t block = 0; block < blocks; ++block)
      for (int peer = 0; peer < ranks; ++peer)
        if (peer != rank && head.flags[phase][block].raised[peer] < control.begun) state.missing |= 1u << peer;
  return state;
}

}  // namespace arfuse
