#pragma once

#include <cstdint>

namespace arfuse {

// Flags go between GPUs, so their order is the system's. A release covers what the whole block stored before the barrier in
// front of it, an acquire what the whole block loads after the barrier behind it: order is cumulative over barriers.

/** A store that all stores before it precede, for whoever acquires it. The fence is part of it. */
__device__ __forceinline__ void store_release(std::uint64_t* to, std::uint64_t value) {
  asm volatile("st.release.sys.global.u64 [%0], %1;" ::"l"(to), "l"(value) : "memory");
}

/** A load that all loads after it follow; it also drops what the L1 cache holds of the data. */
__device__ __forceinline__ std::uint64_t load_acquire(const std::uint64_t* from) {
  std::uint64_t value;
  asm volatile("ld.acquire.sys.global.u64 %0, [%1];" : "=l"(value) : "l"(from) : "memory");
  return value;
}

/** A word that the host writes. */
__device__ __forceinline__ std::uint32_t load_host(const std::uint32_t* from) {
  std::uint32_t value;
  asm volatile("ld.relaxed.sys.global.u32 %0, [%1];" : "=r"(value) : "l"(from) : "memory");
  return value;
}

/** Data that peers stored: never by the path for constant data, which an acquire does not order; not kept in L1. */
__device__ __forceinline__ uint4 load_data(const uint4* from) {
  uint4 value;
  asm volatile("ld.global.cg.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "l"(from)
               : "memory");
  return value;
}

/** Counts blocks; the last one's later stores follow every block's earlier loads. */
__device__ __forceinline__ std::uint32_t count_arrival(std::uint32_t* counter) {
  std::uint32_t before;
  asm volatile("atom.acq_rel.gpu.global.add.u32 %0, [%1], 1;" : "=r"(before) : "l"(counter) : "memory");
  return before;
}

}  // namespace arfuse
