#pragma once

#include "exchange_block.cuh"
#include "exchange_kernels.hpp"
#include "vector_sum.cuh"

namespace arfuse {

/** Vectors that a thread loads before it uses the first: what is under way fills the memory, not the number of threads. */
constexpr int kExchangeFlight = 8;

/** Copies of this block's vectors, of `count`, to every place of `to`. Which vectors a block has is the same on every rank. */
template <int kPlaces>
__device__ __forceinline__ void copy_to_each(uint4* const (&to)[kPlaces], const uint4* from, std::int64_t count) {
  constexpr int kSteps = kExchangeFlight / 2;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kExchangeThreads;
  for (std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * kExchangeThreads + threadIdx.x; at < count; at += kSteps * stride) {
    uint4 value[kSteps];
#pragma unroll
    for (int j = 0; j < kSteps; ++j)
      if (at + j * stride < count) value[j] = load_data(from + at + j * stride);
#pragma unroll
    for (int j = 0; j < kSteps; ++j) {
      if (at + j * stride >= count) break;
#pragma unroll
      for (int place = 0; place < kPlaces; ++place) to[place][at + j * stride] = value[j];
    }
  }
}

/** Sums of every rank's vectors to every place of `to`, of the same vectors as `copy_to_each`. `to` may hold one of `from`. */
template <typename T, int kRanks, int kPlaces>
__device__ __forceinline__ void sum_to_each(uint4* const (&to)[kPlaces], const uint4* const (&from)[kRanks], std::int64_t count) {
  constexpr int kSteps = kExchangeFlight / kRanks > 1 ? kExchangeFlight / kRanks : 1;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kExchangeThreads;
  for (std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * kExchangeThreads + threadIdx.x; at < count; at += kSteps * stride) {
    uint4 of_rank[kSteps][kRanks];
#pragma unroll
    for (int j = 0; j < kSteps; ++j) {
      if (at + j * stride >= count) break;
#pragma unroll
      for (int i = 0; i < kRanks; ++i) of_rank[j][i] = load_data(from[i] + at + j * stride);
    }
#pragma unroll
    for (int j = 0; j < kSteps; ++j) {
      if (at + j * stride >= count) break;
      const uint4 sum = vector_sum<T, kRanks>(of_rank[j]);
#pragma unroll
      for (int place = 0; place < kPlaces; ++place) to[place][at + j * stride] = sum;
    }
  }
}

/** The rank `distance` behind one: ranks start at different peers, so that none is stored to by all at once. */
template <int kRanks>
__device__ __forceinline__ int peer_at(int rank, int distance) {
  const int peer = rank + distance;
  return peer < kRanks ? peer : peer - kRanks;
}

__device__ __forceinline__ uint4* vectors_at(std::byte* base, std::size_t offset) { return reinterpret_cast<uint4*>(base + offset); }

/** Every rank stores its tensor at all peers and adds up all of them. In place, since a thread stores where it alone has loaded. */
template <typename T, int kRanks, bool kDelays>
__global__ void __launch_bounds__(kExchangeThreads) one_shot_kernel(const __grid_constant__ ExchangeParams params) {
  const ExchangeBlock<kRanks, kDelays> block(params, 1);
  if (block.poisoned()) return block.end(true);
  const int rank = params.rank;
  const std::size_t slot = params.layout.one_shot_slot;
  const auto* input = static_cast<const uint4*>(params.input);
  auto* output = static_cast<uint4*>(params.output);

  uint4* to[kRanks - 1];
#pragma unroll
  for (int i = 1; i < kRanks; ++i) to[i - 1] = vectors_at(block.buffer(peer_at<kRanks>(rank, i)), rank * slot);
  copy_to_each(to, input, params.shared);
  if (!block.meet(0)) return block.end(true);

  const uint4* from[kRanks];
#pragma unroll
  for (int i = 0; i < kRanks; ++i) from[i] = i == rank ? input : vectors_at(block.buffer(rank), i * slot);
  uint4* const own[1] = {output};
  sum_to_each<T>(own, from, params.shared);
  block.end(false);
}

/** Every rank adds up one slice, of which the others store their parts here, and stores the sums at all peers. */
template <typename T, int kRanks, bool kDelays>
__global__ void __launch_bounds__(kExchangeThreads) two_shot_kernel(const __grid_constant__ ExchangeParams params) {
  const ExchangeBlock<kRanks, kDelays> block(params, 2);
  if (block.poisoned()) return block.end(true);
  const int rank = params.rank;
  const std::size_t slot = params.layout.two_shot_slot;
  const std::size_t result = params.layout.result;
  const auto* input = static_cast<const uint4*>(params.input);
  auto* output = static_cast<uint4*>(params.output);
  const auto start_of = [&](int owner) { return owner * params.shared; };
  // Of the last slices less is left, or nothing.
  const auto count_of = [&](int owner) {
    const std::int64_t left = params.vectors - start_of(owner);
    return left < params.shared ? left : params.shared;
  };

  for (int i = 1; i < kRanks; ++i) {
    const int owner = peer_at<kRanks>(rank, i);
    uint4* const to[1] = {vectors_at(block.buffer(owner), rank * slot)};
    copy_to_each(to, input + start_of(owner), count_of(owner));
  }
  if (!block.meet(0)) return block.end(true);

  const std::int64_t start = start_of(rank);
  const uint4* from[kRanks];
  uint4* to[kRanks];
#pragma unroll
  for (int i = 0; i < kRanks; ++i) {
    from[i] = i == rank ? input + start : vectors_at(block.buffer(rank), i * slot);
    const int peer = peer_at<kRanks>(rank, i);
    to[i] = (i == 0 ? output : vectors_at(block.buffer(peer), result)) + start;
  }
  sum_to_each<T>(to, from, count_of(rank));
  if (!block.meet(1)) return block.end(true);

  for (int i = 1; i < kRanks; ++i) {
    const int owner = peer_at<kRanks>(rank, i);
    uint4* const place[1] = {output + start_of(owner)};
    copy_to_each(place, vectors_at(block.buffer(rank), result) + start_of(owner), count_of(owner));
  }
  block.end(false);
}

template <typename T, int kRanks>
ExchangeKernel pick_exchange_kernel(Shot shot, bool delays) {
  if (shot == Shot::one) return delays ? one_shot_kernel<T, kRanks, true> : one_shot_kernel<T, kRanks, false>;
  return delays ? two_shot_kernel<T, kRanks, true> : two_shot_kernel<T, kRanks, false>;
}

template <typename T>
ExchangeKernel pick_exchange_kernel(Shot shot, int ranks, bool delays) {
  switch (ranks) {
    case 2:
      return pick_exchange_kernel<T, 2>(shot, delays);
    case 4:
      return pick_exchange_kernel<T, 4>(shot, delays);
    case 6:
      return pick_exchange_kernel<T, 6>(shot, delays);
    default:
      return pick_exchange_kernel<T, 8>(shot, delays);
  }
}

}  // namespace arfuse
