#pragma once

#include <cuda_runtime_api.h>

#include <climits>
#include <cstddef>

namespace arfuse::nccl {

// NCCL's C interface in our own words, as every release from 2.28 on has it: neither its header nor its library is needed to
// build, and a later release of the same library works.

/** Opaque: a communicator, and a window of symmetric memory. */
struct RawCommunicator;
struct RawWindow;

using Result = int;
constexpr Result kSuccess = 0;
constexpr Result kInProgress = 7;

struct UniqueId {
  char bytes[128];
};

/**
 * How a communicator behaves. NCCL reads as many bytes as `size` says, and gives what came after `version` its own defaults:
 * the layout of 2.14 has all that is set here.
 */
struct Config {
  std::size_t size = sizeof(Config);
  unsigned magic = 0xcafebeef;
  unsigned version = 21400;
  int blocking = 1;
  int unread = INT_MIN;
};

enum class DataType : int { float16 = 6, float32 = 7, bfloat16 = 9 };

constexpr int kSum = 0;
/** Every rank's collectives may use the window, at equal offsets. */
constexpr int kWindowSymmetric = 1;
/** A window begins at a multiple of it; `ncclMemAlloc` gives such memory. */
constexpr std::size_t kWindowAlignment = 4096;

/** The functions that arfuse calls. */
struct Api {
  Result (*get_version)(int* version);
  Result (*get_unique_id)(UniqueId* id);
  Result (*communicator_init)(RawCommunicator** made, int size, UniqueId id, int rank, Config* config);
  Result (*communicator_destroy)(RawCommunicator* communicator);
  Result (*communicator_abort)(RawCommunicator* communicator);
  Result (*communicator_error)(RawCommunicator* communicator, Result* error);
  const char* (*error_text)(Result result);
  const char* (*last_error)(RawCommunicator* communicator);
  Result (*all_reduce)(const void* input, void* output, std::size_t count, DataType type, int operation,
                       RawCommunicator* communicator, cudaStream_t stream);
  Result (*memory_allocate)(void** address, std::size_t bytes);
  Result (*memory_free)(void* address);
  Result (*window_register)(RawCommunicator* communicator, void* address, std::size_t bytes, RawWindow** window, int flags);
  Result (*window_deregister)(RawCommunicator* communicator, RawWindow* window);
};

}  // namespace arfuse::nccl
