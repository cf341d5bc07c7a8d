#pragma once

#include <napi.h>

#include <memory>

#include "../memory/pinned_allocation.hpp"

namespace arfuse::binding {

/**
 * `new PinnedMemory(bytes)`: zeroed host memory that kernels reach too; `array` is a Uint8Array over it, `address` what
 * kernels take. `close()` detaches the array.
 */
class PinnedMemory : public Napi::ObjectWrap<PinnedMemory> {
 public:
  static constexpr napi_type_tag kTag = {0x18f4c6e2b07d9a35, 0xc27b80d4e5f1693a};
  static constexpr const char* kName = "PinnedMemory";

  static Napi::Function define(Napi::Env env);

  explicit PinnedMemory(const Napi::CallbackInfo& info);

  /** @throws Napi::Error when it was closed */
  const PinnedAllocation& allocation(Napi::Env env) const;

 private:
  Napi::Value address(const Napi::CallbackInfo& info);
  Napi::Value array(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  std::shared_ptr<PinnedAllocation> allocation_;
  Napi::Reference<Napi::ArrayBuffer> buffer_;
};

}  // namespace arfuse::binding
