#pragma once

#include <memory>
#include <stdexcept>
#include <vector>

#include "session.hpp"

namespace arfuse::nccl {

/**
 * The communicator of one rank as its launches know it: after an abort it is opened anew, and they go on with the new one.
 * Used by one thread; NCCL's own waiting happens elsewhere.
 */
class Communicator {
 public:
  Communicator(const Library& library, int device) : library_(library), device_(device) {}

  const Library& library() const noexcept { return library_; }
  int device() const noexcept { return device_; }

  /** Begins to open. @throws std::logic_error while one is open, or opens */
  void open(OpenOptions options) {
    if (session_) throw std::logic_error("the communicator is open already; abort it first");
    auto session = std::make_shared<Session>(library_, device_, memory_);
    session->open(std::move(options));
    session_ = std::move(session);
  }

  /** Whether it is open; false while it opens. @throws what opening failed with; it may be opened again then */
  bool ready() {
    if (!session_) return false;
    try {
      if (!session_->ready()) return false;
    } catch (...) {
      session_.reset();
      throw;
    }
    memory_ = session_->memory();
    return true;
  }

  /** Ends kernels that wait. Returns at once, and may be repeated. */
  void abort() { end(&Session::abort); }
  /** Frees what NCCL holds. The device is idle. Returns at once; `closed()` says when it is done. */
  void close() {
    end(&Session::destroy);
    memory_.reset();
  }
  /** Whether nothing of it runs any more. */
  bool closed() {
    std::erase_if(ending_, [](const std::shared_ptr<Session>& session) { return session->ended(); });
    return !session_ && ending_.empty();
  }

  /** @throws std::runtime_error unless it is open */
  RawCommunicator* get() const { return opened().communicator(); }
  /** Memory of the window. @throws std::runtime_error unless it is open with at least so many bytes */
  void* window(std::size_t bytes) const {
    const auto& memory = opened().memory();
    if (memory && memory->bytes() >= bytes) return memory->address();
    throw std::runtime_error("the communicator has no window of " + std::to_string(bytes) + " bytes");
  }
  /** What NCCL found by itself; empty when nothing. */
  std::string failure() const { return session_ && session_->usable() ? session_->failure() : std::string(); }

 private:
  const Session& opened() const {
    if (session_ && session_->usable()) return *session_;
    throw std::runtime_error("the communicator is not open");
  }

  void end(void (Session::*how)()) {
    if (!session_) return;
    const std::shared_ptr<Session> session = std::move(session_);
    session_.reset();
    ending_.push_back(session);
    ((*session).*how)();
  }

  const Library& library_;
  int device_;
  std::shared_ptr<Session> session_;
  std::shared_ptr<WindowMemory> memory_;
  std::vector<std::shared_ptr<Session>> ending_;
};

}  // namespace arfuse::nccl
