#pragma once

#include <napi.h>

#include <memory>

#include "../device/stream.hpp"
#include "../launch/launch.hpp"

namespace arfuse::binding {

/**
 * `new Stream(device, handle?)`, of its own or around another's `cudaStream_t`: copies and launches in order. Everything but `sync()` only enqueues; `sync()` waits on a worker and
 * settles a promise, so that Node's thread never blocks.
 */
class StreamObject : public Napi::ObjectWrap<StreamObject> {
 public:
  static constexpr napi_type_tag kTag = {0x70c9b25e4f81d3a6, 0xa15e38d2c96b7f04};
  static constexpr const char* kName = "Stream";

  static Napi::Function define(Napi::Env env);

  explicit StreamObject(const Napi::CallbackInfo& info);

  const Stream& stream() const { return *stream_; }

 private:
  void write(const Napi::CallbackInfo& info);
  void read(const Napi::CallbackInfo& info);
  void fill(const Napi::CallbackInfo& info);
  void copy(const Napi::CallbackInfo& info);
  void norm(const Napi::CallbackInfo& info);
  void enqueue(const Napi::CallbackInfo& info);
  Napi::Value time_enqueue(const Napi::CallbackInfo& info);
  void record(const Napi::CallbackInfo& info);
  void wait(const Napi::CallbackInfo& info);
  void begin_capture(const Napi::CallbackInfo& info);
  Napi::Value end_capture(const Napi::CallbackInfo& info);
  void launch(const Napi::CallbackInfo& info);
  Napi::Value idle(const Napi::CallbackInfo& info);
  Napi::Value sync(const Napi::CallbackInfo& info);

  struct LaunchOfRows {
    Launch& launch;
    int rows;
  };
  /** `(launch, rows)`, checked. */
  LaunchOfRows launch_arguments(const Napi::CallbackInfo& info) const;

  std::shared_ptr<Stream> stream_;
};

}  // namespace arfuse::binding
