#pragma once

#include <napi.h>

#include <memory>

#include "../device/event.hpp"

namespace arfuse::binding {

/** `new Event(device)`: recorded by a stream; `elapsed(from)` is the device's own time between two of them. */
class EventObject : public Napi::ObjectWrap<EventObject> {
 public:
  static constexpr napi_type_tag kTag = {0x6f1d3a5b9c2e4471, 0x8a70c1e25d93b604};
  static constexpr const char* kName = "Event";

  static Napi::Function define(Napi::Env env);

  explicit EventObject(const Napi::CallbackInfo& info);

  const Event& event() const { return *event_; }

 private:
  Napi::Value elapsed(const Napi::CallbackInfo& info);
  Napi::Value passed(const Napi::CallbackInfo& info);

  std::unique_ptr<Event> event_;
};

}  // namespace arfuse::binding
