#pragma once

#include "../launch/exchange_geometry.hpp"
#include "exchange_params.hpp"
#include "memory_order.cuh"

namespace arfuse {

/** Polls of a flag between two looks at the abort word, which lies behind the bus: about a millisecond. */
constexpr unsigned kPollsPerAbort = 1024;

/**
 * One block's part in the protocol of an exchange.
 *
 * Exchange number e uses the buffers of parity e. A block stores to its peers, raises its flag e at each of them, waits until
 * each has raised the flag of the same block here, and reads what they stored. A peer that raised e + 1 had raised e before,
 * so that flags at or above e count.
 *
 * A peer stores into this buffer again in exchange e + 2. It has then ended e + 1, in which each of its blocks waited for
 * this rank's flag e + 1, which is raised after all blocks of this rank's exchange e have ended. This holds for any numbers of
 * blocks and either kind of exchange, as long as each launch starts after the one before it has ended as a whole.
 */
template <int kRanks, bool kDelays>
class ExchangeBlock {
 public:
  __device__ ExchangeBlock(const ExchangeParams& params, std::uint32_t phases)
      : params_(params), head_(head_of(params.rank)), epoch_(head_->control.epoch + 1) {
    if (blockIdx.x == 0 && threadIdx.x == 0) {
      head_->control.begun = epoch_;
      head_->control.blocks = gridDim.x;
      head_->control.phases = phases;
    }
  }

  /** Whether an earlier exchange was aborted. A peer may still read what this one would overwrite, so it must not begin. */
  __device__ bool poisoned() const {
    const bool aborted = *const_cast<volatile std::uint32_t*>(&head_->control.aborted) != 0;
    return __syncthreads_or(aborted ? 1 : 0) != 0;
  }

  /** The buffer of this exchange in a rank's workspace. */
  __device__ std::byte* buffer(int rank) const { return params_.workspace[rank] + params_.layout.buffer[epoch_ & 1]; }

  /**
   * Raises this block's flag at all peers, behind everything that the block has stored, and waits for theirs. Everything
   * that the block loads later comes behind what the peers stored before.
   * @returns false when the waiting was aborted
   */
  __device__ bool meet(int phase) const {
    __syncthreads();
    bool arrived = true;
    const int peer = static_cast<int>(threadIdx.x);
    if (peer < kRanks && peer != params_.rank) {
      pause(2 * phase);
      store_release(&head_of(peer)->flags[phase][blockIdx.x].raised[params_.rank], epoch_);
      pause(2 * phase + 1);
      arrived = wait(&head_->flags[phase][blockIdx.x].raised[peer]);
    }
    return __syncthreads_and(arrived ? 1 : 0) != 0;
  }

  /** Ends the block's part. The last block ends the exchange: until then, late blocks read the number of this one. */
  __device__ void end(bool aborted) const {
    __syncthreads();
    if (threadIdx.x != 0) return;
    ExchangeControl& control = head_->control;
    if (aborted) control.aborted = 1;
    if (count_arrival(&control.arrivals) + 1 != gridDim.x) return;
    control.arrivals = 0;
    control.epoch = epoch_;
  }

 private:
  __device__ ExchangeHead* head_of(int rank) const { return reinterpret_cast<ExchangeHead*>(params_.workspace[rank]); }

  __device__ bool wait(const std::uint64_t* flag) const {
    for (unsigned polls = 1; load_acquire(flag) < epoch_; ++polls)
      if (polls % kPollsPerAbort == 0 && load_host(params_.abort) != 0) return false;
    return true;
  }

  /** Between accesses to flags: none, up to 4 µs, or up to 60 µs, by a hash of the seed and the place. */
  __device__ void pause(int place) const {
    if constexpr (kDelays) {
      std::uint32_t hash = params_.delays ^ static_cast<std::uint32_t>(epoch_) * 0x9e3779b9u;
      hash ^= (static_cast<std::uint32_t>(params_.rank) << 16 | blockIdx.x << 8 | threadIdx.x << 2 | static_cast<std::uint32_t>(place)) * 0x85ebca6bu;
      hash = (hash ^ hash >> 15) * 0x2c1b3c6du;
      hash = (hash ^ hash >> 12) * 0x297a2d39u;
      hash ^= hash >> 15;
      if (hash % 4 == 0) return;
      __nanosleep(hash % 16 == 1 ? (hash >> 8) % 60000 : (hash >> 8) % 4000);
    }
  }

  const ExchangeParams& params_;
  ExchangeHead* head_;
  std::uint64_t epoch_;
};

}  // namespace arfuse
