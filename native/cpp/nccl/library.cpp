#include "library.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>

namespace arfuse::nccl {
namespace {

/** Closes what the loader opened, unless it is kept. */
struct Unload {
  void operator()(void* handle) const { dlclose(handle); }
};

std::string loader_words() {
  const char* words = dlerror();
  return words == nullptr ? "the loader says nothing" : words;
}

template <typename Function>
void bind(void* handle, const char* symbol, Function& function, const std::string& what) {
  void* address = dlsym(handle, symbol);
  if (address == nullptr) throw LibraryError(what + " has no function " + symbol);
  function = reinterpret_cast<Function>(address);
}

constexpr const char* kNames[] = {"ncclSuccess",         "ncclUnhandledCudaError", "ncclSystemError",
                                  "ncclInternalError",   "ncclInvalidArgument",    "ncclInvalidUsage",
                                  "ncclRemoteError",     "ncclInProgress"};
constexpr int kNameCount = sizeof kNames / sizeof kNames[0];

std::string failure_text(const Api& api, Result result, const char* call) {
  // NCCL keeps the words of the last failure of any communicator.
  const char* words = api.last_error(nullptr);
  std::string last = words == nullptr ? "" : words;
  while (!last.empty() && (last.back() == '\n' || last.back() == ' ')) last.pop_back();
  return std::string(call) + ": " + api.error_text(result) + (last.empty() ? "" : " (" + last + ")");
}

}  // namespace

std::string version_text(int version) {
  // NCCL wrote versions up to 2.8 in another way.
  const int step = version < 10000 ? 1000 : 10000;
  return std::to_string(version / step) + "." + std::to_string(version % step / 100) + "." + std::to_string(version % 100);
}

NcclError::NcclError(const Api& api, Result result, const char* call)
    : std::runtime_error(failure_text(api, result, call)), result_(result) {}

const char* NcclError::name() const noexcept {
  return result_ >= 0 && result_ < kNameCount ? kNames[result_] : "ncclUnknownError";
}

Library::Library(const std::string& path) {
  setenv("NCCL_NVLS_ENABLE", "0", 0);
  setenv("NCCL_RUNTIME_CONNECT", "0", 0);
  dlerror();
  std::unique_ptr<void, Unload> handle(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL));
  if (!handle) throw LibraryError(loader_words());
  bind(handle.get(), "ncclGetVersion", api_.get_version, "it is no NCCL: it");
  if (api_.get_version(&version_) != kSuccess) throw LibraryError("ncclGetVersion fails");
  const std::string what = "it is NCCL " + version_text(version_);
  if (version_ < kLeastVersion)
    throw LibraryError(what + "; arfuse needs " + version_text(kLeastVersion) + " or newer");
  const std::string having = what + ", but it";
  bind(handle.get(), "ncclGetUniqueId", api_.get_unique_id, having);
  bind(handle.get(), "ncclCommInitRankConfig", api_.communicator_init, having);
  bind(handle.get(), "ncclCommDestroy", api_.communicator_destroy, having);
  bind(handle.get(), "ncclCommAbort", api_.communicator_abort, having);
  bind(handle.get(), "ncclCommGetAsyncError", api_.communicator_error, having);
  bind(handle.get(), "ncclGetErrorString", api_.error_text, having);
  bind(handle.get(), "ncclGetLastError", api_.last_error, having);
  bind(handle.get(), "ncclAllReduce", api_.all_reduce, having);
  bind(handle.get(), "ncclMemAlloc", api_.memory_allocate, having);
  bind(handle.get(), "ncclMemFree", api_.memory_free, having);
  bind(handle.get(), "ncclCommWindowRegister", api_.window_register, having);
  bind(handle.get(), "ncclCommWindowDeregister", api_.window_deregister, having);
  Dl_info found{};
  file_ = dladdr(reinterpret_cast<void*>(api_.get_version), &found) != 0 && found.dli_fname != nullptr ? found.dli_fname : path;
  static_cast<void>(handle.release());
}

const Library& Library::open(const std::string& path) {
  static std::mutex mutex;
  // Never destroyed: its threads may still run when the process ends.
  static auto& opened = *new std::map<std::string, std::unique_ptr<Library>>();
  const std::scoped_lock lock(mutex);
  std::unique_ptr<Library>& library = opened[path];
  if (!library) library.reset(new Library(path));
  return *library;
}

}  // namespace arfuse::nccl
