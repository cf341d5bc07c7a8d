#pragma once

#include <cuda_runtime_api.h>

#include "codes.hpp"

namespace arfuse {

/** A tensor that a producer writes: `count` codes of a spec. */
struct ProducedTensor {
  CodesSpec spec;
  std::int64_t count = 0;
  void* out = nullptr;
};

constexpr int kMostProduced = 6;

struct ProducerParams {
  ProducedTensor tensors[kMostProduced];
  int count = 0;
  /** Nanoseconds from the kernel's beginning, when what follows may start, until it writes. */
  unsigned int delay = 0;
};

/** Bytes that are copied as they are, by a kernel that does not wait for the one before it. */
struct HastyCopyParams {
  const unsigned char* from = nullptr;
  unsigned char* to = nullptr;
  std::int64_t bytes = 0;
};

/** Whether the kernels of a device may begin while the kernel before them ends. */
bool producers_overlap(int device);

/**
 * Writes made-up codes in the worst way that programmatic dependent launch allows: it lets what follows start at once, and writes
 * after a delay. What follows and reads before it waits for this kernel finds what was there before.
 * @param overlaps as `producers_overlap` says
 */
cudaError_t launch_producer(const ProducerParams& params, bool overlaps, cudaStream_t stream);

/** Copies without waiting for the kernel before: it finds what a producer has not written yet. */
cudaError_t launch_hasty_copy(const HastyCopyParams& params, bool overlaps, cudaStream_t stream);

/** Loads the kernels onto the current device. */
cudaError_t load_producer_kernels();

}  // namespace arfuse
