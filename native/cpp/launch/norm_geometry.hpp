#pragma once

#include <cstdint>

#include "../arithmetic/norm.hpp"

namespace arfuse {

/** Widest row that the norm kernel takes, in elements. */
constexpr int kMaxHidden = 65536;
constexpr int kMaxThreads = 1024;
/** Vectors of eight elements that a thread may hold. */
constexpr int kMaxVectors = 8;

constexpr int whole_warps(int threads) { return (threads + 31) / 32 * 32; }

/** Widest block of a kernel whose threads hold `vectors` vectors: narrower ones may use more registers. */
constexpr int max_threads(int vectors) { return vectors < kMaxVectors ? kMaxThreads / 2 : kMaxThreads; }

/** Shape of a launch of the norm kernel. It follows from the hidden size alone, so that every row is computed alike. */
struct NormGeometry {
  /** Threads of a block, whole warps; a block does one row. */
  int threads;
  /** Threads that hold elements. */
  int workers;
  /** Vectors of eight elements per worker; vector `j` of worker `t` is lane `t + j * workers` of the row. */
  int vectors;
  /** Whether every worker holds exactly `vectors` lanes, so that the first levels of the tree stay within a thread. */
  bool exact;
  /** Shared memory of a block. */
  int shared_bytes;
};

/** Words behind the lanes of a row in shared memory: one per warp, and the result. */
constexpr int kSpareWords = 64;

/** Whether the lanes of a group, which share a scale, are neighbours in one warp. */
inline bool groups_stay_in_warps(int threads, int vectors, int lanes_per_group) {
  return lanes_per_group <= 1 || vectors == 1 || threads % lanes_per_group == 0;
}

/**
 * Geometry for rows of `hidden` elements (a multiple of 8, at most 65,536), quantised in groups of `lanes_per_group` lanes.
 * Prefers about 256 threads: enough bytes in flight for the memory, few enough for a short tree; and no more than four
 * vectors of a thread, which fit its registers.
 */
inline NormGeometry norm_geometry(int hidden, int lanes_per_group) {
  const int lanes = hidden / kLane;
  int best = 0;
  for (int vectors = 1; vectors <= kMaxVectors; vectors *= 2) {
    if (lanes % vectors != 0) break;
    const int threads = lanes / vectors;
    if (whole_warps(threads) > max_threads(vectors)) continue;
    if (!groups_stay_in_warps(threads, vectors, lanes_per_group)) continue;
    if (best != 0 && threads < 128) break;
    best = vectors;
    if (threads <= 256 || vectors == 4) break;
  }
  if (best != 0) {
    const int workers = lanes / best;
    return {whole_warps(workers), workers, best, true, (workers + kSpareWords) * static_cast<int>(sizeof(float))};
  }
  // A row that no power of two divides well: ragged threads, the whole tree in shared memory.
  int vectors = 1;
  while (whole_warps((lanes + vectors - 1) / vectors) > max_threads(vectors)) vectors *= 2;
  const int threads = whole_warps((lanes + vectors - 1) / vectors);
  return {threads, threads, vectors, false, (lanes + kSpareWords) * static_cast<int>(sizeof(float))};
}

}  // namespace arfuse
