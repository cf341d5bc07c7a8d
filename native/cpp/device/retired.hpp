#pragma once

#include <functional>

namespace arfuse {

/**
 * What nothing uses any more, until it can be freed. Freeing waits for every kernel of a device. One that waits for another
 * rank would keep the thread from launching that rank's, or from releasing it, so memory is kept while work may be under way,
 * and never freed on an abandoned device. Objects are collected whenever JavaScript likes: their ends come here too.
 */
class Retired {
 public:
  /** For memory that kernels of every device reach. */
  static constexpr int kEveryDevice = -1;

  /** Frees at once where no work is under way, else as soon as that is so. */
  static void add(int device, std::function<void()> free) noexcept;

  /** Work of a stream begins; waits for what is being freed. */
  static void begin_work(int device) noexcept;
  /** All work of that stream has ended. */
  static void end_work(int device) noexcept;
};

}  // namespace arfuse
