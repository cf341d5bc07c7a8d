#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <vector>

#include "library.hpp"

namespace arfuse::nccl {

/** An all-reduce that all ranks perform while they open, so that a first launch finds everything connected and loaded. */
struct Rehearsal {
  DataType type;
  std::size_t count;
  /** Over the window; otherwise over other memory. */
  bool windowed;
};

struct OpenOptions {
  UniqueId id{};
  int rank = 0;
  int size = 1;
  /** Bytes of the symmetric window; 0 for none. */
  std::size_t window_bytes = 0;
  std::vector<Rehearsal> rehearsals;
};

/** Memory of `ncclMemAlloc`, which a communicator registers as a window. Outlives every communicator that did. */
class WindowMemory {
 public:
  WindowMemory(const Library& library, int device, std::size_t bytes);
  ~WindowMemory();
  WindowMemory(const WindowMemory&) = delete;
  WindowMemory& operator=(const WindowMemory&) = delete;

  void* address() const noexcept { return address_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  const Library& library_;
  int device_;
  std::size_t bytes_;
  void* address_ = nullptr;
};

/**
 * One life of a communicator: NCCL makes and ends it by calls that wait for other ranks and for the device, so each of them
 * runs on a thread of its own, which keeps the session alive. Not on Node's pool: it has four threads, and ranks of one
 * process wait for each other.
 */
class Session : public std::enable_shared_from_this<Session> {
 public:
  /** @param memory - of a session before this one; a window of another size is allocated anew */
  Session(const Library& library, int device, std::shared_ptr<WindowMemory> memory);
  ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /** Begins to open; all ranks do. */
  void open(OpenOptions options);
  /**
   * Whether it is open; false while it opens.
   * @throws what opening failed with
   */
  bool ready() const;
  /** Ends kernels that wait, and frees what NCCL holds; at once, or as soon as opening lets it. Captured launches are void. */
  void abort() { end(true); }
  /** Frees what NCCL holds. The device is idle, and no captured launch is left. */
  void destroy() { end(false); }
  /** Whether nothing of it runs any more. */
  bool ended() const noexcept { return phase_.load(std::memory_order_acquire) == Phase::ended; }

  /** As `ready()`, but false where that throws. */
  bool usable() const noexcept { return phase_.load(std::memory_order_acquire) == Phase::open; }

  // Of a session that is usable.
  RawCommunicator* communicator() const noexcept { return communicator_; }
  const std::shared_ptr<WindowMemory>& memory() const noexcept { return memory_; }
  /** What NCCL found by itself, in its own words; empty when nothing. */
  std::string failure() const;

 private:
  enum class Phase { opening, open, ending, ended };

  void run(const OpenOptions& options);
  void register_window(std::size_t bytes);
  void rehearse(const Rehearsal& rehearsal, int rank, int size);
  void wait(cudaStream_t stream);
  void end(bool abort);
  void free(bool abort) noexcept;

  const Library& library_;
  const int device_;
  std::shared_ptr<WindowMemory> memory_;
  RawCommunicator* communicator_ = nullptr;
  RawWindow* window_ = nullptr;
  std::exception_ptr failed_;
  std::atomic<Phase> phase_{Phase::opening};
};

}  // namespace arfuse::nccl
