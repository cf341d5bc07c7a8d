#pragma once

#include <array>
#include <atomic>

namespace arfuse {

/**
 * Devices whose kernels do not end. Freeing memory of such a device would wait for them, and so keep the thread and the process from ending: it
 * is left to the end of the process, which ends them.
 */
class Abandoned {
 public:
  static void add(int device) noexcept {
    any_.store(true);
    if (device >= 0 && device < kMost) devices_[static_cast<std::size_t>(device)].store(true);
  }
  static bool has(int device) noexcept {
    return device >= 0 && device < kMost && devices_[static_cast<std::size_t>(device)].load();
  }
  /** For memory that kernels of every device reach. */
  static bool any() noexcept { return any_.load(); }

 private:
  static constexpr int kMost = 128;
  inline static std::array<std::atomic<bool>, kMost> devices_{};
  inline static std::atomic<bool> any_{false};
};

}  // namespace arfuse
