#pragma once

#include <napi.h>

#include <memory>

#include "../device/event.hpp"

namespace arfuse::binding {

/** `new Event(device)`: recorded by a stream, until `close()`; `elapsed(from)` is the device's own time between two of them. */
class EventObject : public Napi::ObjectWrap<EventObject> {
 public:
  static constexpr napi_type_tag kTag = {0x6f1d3a5b9c2e4471, 0x8a70c1e25d93b604};
  static constexpr const char* kName = "Event";

  static Napi::Function define(Napi::Env env);

  explicit EventObject(const Napi::CallbackInfo& info);

  /** @throws Napi::Error when it was closed */
  const Event& event(Napi::Env env) const;

 private:
  Napi::Value elapsed(const Napi::CallbackInfo& info);
  Napi::Value passed(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  std::unique_ptr<Event> event_;
};

}  // namespace arfuse::binding
