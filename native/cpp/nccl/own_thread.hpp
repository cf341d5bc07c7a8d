#pragma once

#include <functional>

namespace arfuse::nccl {

/**
 * Runs work on a thread of its own that nobody joins, and keeps this library in memory from then on: a worker's environment
 * may end, and unload the addon, while the thread runs.
 *
 * @param work - owns what it uses; throws nothing
 * @throws std::system_error when there can be no more threads
 */
void on_own_thread(std::function<void()> work);

}  // namespace arfuse::nccl
