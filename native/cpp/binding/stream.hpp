#pragma once

#include <napi.h>

#include <memory>

#include "../device/stream.hpp"

namespace arfuse::binding {

/**
 * `new Stream(device)`: copies and launches in order. Everything but `sync()` only enqueues; `sync()` waits on a worker and
 * settles a promise, so that Node's thread never blocks.
 */
class StreamObject : public Napi::ObjectWrap<StreamObject> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit StreamObject(const Napi::CallbackInfo& info);

 private:
  void write(const Napi::CallbackInfo& info);
  void read(const Napi::CallbackInfo& info);
  void fill(const Napi::CallbackInfo& info);
  void copy(const Napi::CallbackInfo& info);
  void norm(const Napi::CallbackInfo& info);
  void record(const Napi::CallbackInfo& info);
  void begin_capture(const Napi::CallbackInfo& info);
  Napi::Value end_capture(const Napi::CallbackInfo& info);
  void launch(const Napi::CallbackInfo& info);
  Napi::Value sync(const Napi::CallbackInfo& info);

  std::shared_ptr<Stream> stream_;
};

}  // namespace arfuse::binding
