#pragma once

#include "exchange_layout.hpp"

namespace arfuse {

/** What a copy of a rank's head says about its exchanges. */
struct ExchangeState {
  /** Exchanges that have ended. */
  std::uint64_t epoch;
  bool running;
  bool aborted;
  /** One bit per rank that the running exchange still waits for. */
  std::uint32_t missing;
};

inline ExchangeState exchange_state(const ExchangeHead& head, int rank, int ranks) {
  const ExchangeControl& control = head.control;
  ExchangeState state{control.epoch, control.begun > control.epoch, control.aborted != 0, 0};
  if (!state.running) return state;
  const auto most = [](std::uint32_t given, int limit) { return given < static_cast<std::uint32_t>(limit) ? given : static_cast<std::uint32_t>(limit); };
  for (std::uint32_t phase = 0; phase < most(control.phases, kExchangePhases); ++phase)
    for (std::uint32_t block = 0; block < most(control.blocks, kExchangeBlocks); ++block)
      for (int peer = 0; peer < ranks; ++peer)
        if (peer != rank && head.flags[phase][block].raised[peer] < control.begun) state.missing |= 1u << peer;
  return state;
}

}  // namespace arfuse
