#pragma once

#include <napi.h>

#include <memory>

#include "../launch/launch.hpp"

namespace arfuse::binding {

/**
 * A prepared kernel: `maxRows`, `close()`. `Stream.enqueue(launch, rows)` runs it. It keeps the objects of its description
 * reachable, so that memory which nobody closes outlives it.
 */
class LaunchObject : public Napi::ObjectWrap<LaunchObject> {
 public:
  static constexpr napi_type_tag kTag = {0x3d7e90b1c4a85f26, 0x94c0ab7d11e62f53};
  static constexpr const char* kName = "Launch";

  static Napi::Function define(Napi::Env env);

  /** Wraps a launch that was made of `description`. */
  static Napi::Value wrap(std::unique_ptr<Launch> launch, Napi::Object description);

  explicit LaunchObject(const Napi::CallbackInfo& info);

  /** @throws Napi::Error when it was closed */
  Launch& launch(Napi::Env env) const;

 private:
  Napi::Value max_rows(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  std::unique_ptr<Launch> launch_;
  Napi::ObjectReference description_;
};

}  // namespace arfuse::binding
