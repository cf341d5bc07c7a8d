#pragma once

#include <napi.h>

#include "../nccl/library.hpp"

namespace arfuse::binding {

/** `new NcclLibrary(path)`: NCCL as it was found at run time: `version`, `file`, `uniqueId()`. */
class NcclLibrary : public Napi::ObjectWrap<NcclLibrary> {
 public:
  static constexpr napi_type_tag kTag = {0x8e15d7c26b3f4a90, 0xa7204e9b1c6d83f5};
  static constexpr const char* kName = "NcclLibrary";

  static Napi::Function define(Napi::Env env);

  explicit NcclLibrary(const Napi::CallbackInfo& info);

  const nccl::Library& library() const noexcept { return *library_; }

 private:
  Napi::Value version(const Napi::CallbackInfo& info);
  Napi::Value file(const Napi::CallbackInfo& info);
  Napi::Value unique_id(const Napi::CallbackInfo& info);

  const nccl::Library* library_ = nullptr;
};

}  // namespace arfuse::binding
