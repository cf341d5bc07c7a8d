#include "session.hpp"

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "../device/stream.hpp"
#include "../memory/device_allocation.hpp"
#include "own_thread.hpp"
#include "rehearsal.hpp"

namespace arfuse::nccl {
namespace {

/** How often a thread looks whether what it waits for has come. */
constexpr auto kPause = std::chrono::microseconds(200);

/** Whoever asked for the session wants it no more. */
struct Abandoned : std::runtime_error {
  Abandoned() : std::runtime_error("the communicator was aborted while it opened") {}
};

/** NCCL gives a window as device memory where its kernels reach all ranks' memory, and as a host handle elsewhere. */
bool is_symmetric(RawWindow* window) {
  cudaPointerAttributes attributes{};
  const cudaError_t error = window == nullptr ? cudaErrorInvalidValue : cudaPointerGetAttributes(&attributes, window);
  cudaGetLastError();
  return error == cudaSuccess && attributes.type == cudaMemoryTypeDevice;
}

}  // namespace

WindowMemory::WindowMemory(const Library& library, int device, std::size_t bytes)
    : library_(library), device_(device), bytes_((bytes + kWindowAlignment - 1) / kWindowAlignment * kWindowAlignment) {
  const DeviceGuard guard(device_);
  library_.check(library_.api().memory_allocate(&address_, bytes_), "ncclMemAlloc");
}

WindowMemory::~WindowMemory() {
  int before = 0;
  // A destructor may not throw, so no guard.
  if (cudaGetDevice(&before) != cudaSuccess || cudaSetDevice(device_) != cudaSuccess) return;
  library_.api().memory_free(address_);
  cudaSetDevice(before);
}

Session::Session(const Library& library, int device, std::shared_ptr<WindowMemory> memory)
    : library_(library), device_(device), memory_(std::move(memory)) {}

void Session::open(OpenOptions options) {
  on_own_thread([self = shared_from_this(), options = std::move(options)] { self->run(options); });
}

bool Session::ready() const {
  const Phase phase = phase_.load(std::memory_order_acquire);
  if (phase == Phase::ended && failed_) std::rethrow_exception(failed_);
  return phase == Phase::open;
}

std::string Session::failure() const {
  Result error = kSuccess;
  if (library_.api().communicator_error(communicator_, &error) != kSuccess || error == kSuccess || error == kInProgress) return {};
  return NcclError(library_.api(), error, "NCCL").what();
}

void Session::run(const OpenOptions& options) {
  try {
    const DeviceGuard guard(device_);
    Config config;
    RawCommunicator* made = nullptr;
    library_.check(library_.api().communicator_init(&made, options.size, options.id, options.rank, &config),
                   "ncclCommInitRankConfig");
    communicator_ = made;
    if (options.window_bytes > 0) register_window(options.window_bytes);
    for (const Rehearsal& rehearsal : options.rehearsals) rehearse(rehearsal, options.rank, options.size);
  } catch (...) {
    failed_ = std::current_exception();
    free(true);
    phase_.store(Phase::ended, std::memory_order_release);
    return;
  }
  Phase expected = Phase::opening;
  if (phase_.compare_exchange_strong(expected, Phase::open, std::memory_order_acq_rel)) return;
  free(true);
  phase_.store(Phase::ended, std::memory_order_release);
}

void Session::register_window(std::size_t bytes) {
  if (!memory_ || memory_->bytes() < bytes) memory_ = std::make_shared<WindowMemory>(library_, device_, bytes);
  library_.check(library_.api().window_register(communicator_, memory_->address(), memory_->bytes(), &window_, kWindowSymmetric),
                 "ncclCommWindowRegister");
  if (is_symmetric(window_)) return;
  throw std::runtime_error(
      "NCCL has no symmetric windows between these GPUs: they need peer access between all of them, and NCCL_CUMEM_ENABLE and "
      "NCCL_WIN_ENABLE not 0");
}

void Session::rehearse(const Rehearsal& rehearsal, int rank, int size) {
  const Score score(rehearsal.type, rehearsal.count, rank, size);
  const std::size_t bytes = rehearsal.count * score.element_bytes();
  const Stream stream(device_);
  std::unique_ptr<DeviceAllocation> own;
  if (!rehearsal.windowed) own = std::make_unique<DeviceAllocation>(device_, bytes);
  void* buffer = own ? own->address() : memory_->address();
  std::vector<std::byte> codes = score.input();
  check(cudaMemsetAsync(buffer, 0, bytes, stream.get()), "cudaMemsetAsync");
  check(cudaMemcpyAsync(buffer, codes.data(), codes.size(), cudaMemcpyHostToDevice, stream.get()), "cudaMemcpyAsync");
  library_.check(library_.api().all_reduce(buffer, buffer, rehearsal.count, rehearsal.type, kSum, communicator_, stream.get()),
                 "ncclAllReduce");
  wait(stream.get());
  check(cudaMemcpyAsync(codes.data(), buffer, codes.size(), cudaMemcpyDeviceToHost, stream.get()), "cudaMemcpyAsync");
  wait(stream.get());
  const std::string fault = score.fault(codes, rehearsal.windowed);
  if (!fault.empty()) throw std::runtime_error(fault);
}

void Session::wait(cudaStream_t stream) {
  for (;;) {
    const cudaError_t state = cudaStreamQuery(stream);
    if (state == cudaSuccess) return;
    if (state != cudaErrorNotReady) check(state, "cudaStreamQuery");
    cudaGetLastError();
    const std::string failed = failure();
    const bool abandoned = phase_.load(std::memory_order_acquire) != Phase::opening;
    if (abandoned || !failed.empty()) {
      // Freeing the memory of a kernel that waits would wait for it.
      free(true);
      if (!failed.empty()) throw std::runtime_error(failed);
      throw Abandoned();
    }
    std::this_thread::sleep_for(kPause);
  }
}

void Session::end(bool abort) {
  for (;;) {
    Phase expected = Phase::open;
    if (phase_.compare_exchange_strong(expected, Phase::ending, std::memory_order_acq_rel)) {
      on_own_thread([self = shared_from_this(), abort] {
        self->free(abort);
        self->phase_.store(Phase::ended, std::memory_order_release);
      });
      return;
    }
    if (expected != Phase::opening) return;
    // The thread that opens it sees that, and ends it.
    if (phase_.compare_exchange_strong(expected, Phase::ending, std::memory_order_acq_rel)) return;
  }
}

void Session::free(bool abort) noexcept {
  RawCommunicator* communicator = std::exchange(communicator_, nullptr);
  RawWindow* window = std::exchange(window_, nullptr);
  if (communicator == nullptr || cudaSetDevice(device_) != cudaSuccess) return;
  const Api& api = library_.api();
  if (abort) {
    // Frees the window too; deregistering it by itself would wait for the kernels.
    api.communicator_abort(communicator);
    return;
  }
  if (window != nullptr) api.window_deregister(communicator, window);
  api.communicator_destroy(communicator);
}

}  // namespace arfuse::nccl
