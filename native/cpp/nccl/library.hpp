#pragma once

#include <stdexcept>
#include <string>

#include "nccl_api.hpp"

namespace arfuse::nccl {

/** The oldest release that is used, as NCCL writes versions: 2.28.0. */
constexpr int kLeastVersion = 22800;

/** `22809` → `2.28.9`. */
std::string version_text(int version);

/** A file that is no NCCL, or none that can be used. */
class LibraryError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/** An NCCL call that failed, in the library's own words. */
class NcclError : public std::runtime_error {
 public:
  NcclError(const Api& api, Result result, const char* call);

  /** NCCL's name of the result, e.g. `ncclRemoteError`. */
  const char* name() const noexcept;

 private:
  Result result_;
};

/** NCCL as it was found at run time. It is never unloaded: threads of its own run in it. */
class Library {
 public:
  /**
   * Opens NCCL by a path, or by a name that the system's loader looks for; once per process. Before the first one is loaded,
   * `NCCL_NVLS_ENABLE=0` (arfuse never uses NVLink multicast) and `NCCL_RUNTIME_CONNECT=0` (ranks connect while they open, not
   * by a first launch, which would wait for the others) are set where the environment says nothing.
   *
   * @throws LibraryError with the loader's words, the version that is too old, or the function that is missing
   */
  static const Library& open(const std::string& path);

  const Api& api() const noexcept { return api_; }
  int version() const noexcept { return version_; }
  /** The file that was loaded. */
  const std::string& file() const noexcept { return file_; }

  /** @throws NcclError unless a call succeeded */
  void check(Result result, const char* call) const {
    if (result != kSuccess) throw NcclError(api_, result, call);
  }

 private:
  explicit Library(const std::string& path);

  Api api_{};
  int version_ = 0;
  std::string file_;
};

}  // namespace arfuse::nccl
