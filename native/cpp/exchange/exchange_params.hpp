#pragma once

#include "../launch/exchange_layout.hpp"

namespace arfuse {

/** What a block of an exchange is given. */
struct ExchangeParams {
  const void* input = nullptr;
  /** May be `input`; overlaps it in no other way. */
  void* output = nullptr;
  std::int64_t vectors = 0;
  /** Vectors that the blocks share out: the tensor's, or a slice's. */
  std::int64_t shared = 0;
  int rank = 0;
  /** Every rank's workspace, at addresses of this rank's device. */
  std::byte* workspace[kExchangeRanks] = {};
  ExchangeLayout layout{};
  /** In host memory; nonzero ends the waiting. */
  const std::uint32_t* abort = nullptr;
  /** Seed of pauses between accesses to flags, for tests; 0 for none. */
  std::uint32_t delays = 0;
};

}  // namespace arfuse
