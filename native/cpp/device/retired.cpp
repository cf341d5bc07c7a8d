#include "retired.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "abandoned.hpp"

namespace arfuse {
namespace {

struct Entry {
  int device;
  std::function<void()> free;
};

/** Never destroyed: at the end of the process its entries go with the process. */
struct State {
  std::mutex mutex;
  std::vector<Entry> entries;
  /** Streams with work under way, by device. */
  std::map<int, int> working;
};

State& state() {
  static auto* const kept = new State();
  return *kept;
}

bool rests(State& state, int device) {
  if (device == Retired::kEveryDevice)
    return std::ranges::all_of(state.working, [](const auto& of) { return of.second == 0; }) && !Abandoned::any();
  return state.working[device] == 0 && !Abandoned::has(device);
}

/** Frees under the lock: work that begins meanwhile would have to be waited for. */
void free_what_rests(State& state) {
  std::erase_if(state.entries, [&](const Entry& entry) {
    if (!rests(state, entry.device)) return false;
    entry.free();
    return true;
  });
}

}  // namespace

void Retired::add(int device, std::function<void()> free) noexcept {
  State& all = state();
  const std::scoped_lock lock(all.mutex);
  all.entries.push_back({device, std::move(free)});
  free_what_rests(all);
}

void Retired::begin_work(int device) noexcept {
  State& all = state();
  const std::scoped_lock lock(all.mutex);
  ++all.working[device];
}

void Retired::end_work(int device) noexcept {
  State& all = state();
  const std::scoped_lock lock(all.mutex);
  --all.working[device];
  free_what_rests(all);
}

}  // namespace arfuse
