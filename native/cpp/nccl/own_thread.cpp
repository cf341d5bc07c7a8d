#include "own_thread.hpp"

#include <dlfcn.h>

#include <thread>

namespace arfuse::nccl {
namespace {

bool stay_loaded() {
  Dl_info own{};
  if (dladdr(reinterpret_cast<void*>(&on_own_thread), &own) == 0 || own.dli_fname == nullptr) return false;
  return dlopen(own.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) != nullptr;
}

}  // namespace

void on_own_thread(std::function<void()> work) {
  static const bool stays = stay_loaded();
  static_cast<void>(stays);
  std::thread(std::move(work)).detach();
}

}  // namespace arfuse::nccl
