#include "event.hpp"

#include "cuda_call.hpp"
#include "wrapped.hpp"

namespace arfuse::binding {

Napi::Function EventObject::define(Napi::Env env) {
  return DefineClass(env, "Event", {InstanceMethod<&EventObject::elapsed>("elapsed"), InstanceMethod<&EventObject::passed>("passed"),
                                   InstanceMethod<&EventObject::close>("close")});
}

EventObject::EventObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EventObject>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
  const int device = ordinal_of(info[0]);
  cuda_call(info.Env(), [&] { event_ = std::make_unique<Event>(device); });
}

const Event& EventObject::event(Napi::Env env) const {
  if (!event_) throw Napi::Error::New(env, "the event is closed.");
  return *event_;
}

/** `elapsed(from)`: milliseconds from an earlier event to this one. Both must have been passed. */
Napi::Value EventObject::elapsed(const Napi::CallbackInfo& info) {
  const Event& from = wrapped<EventObject>(info[0], "from").event(info.Env());
  const Event& to = event(info.Env());
  float milliseconds = 0.0f;
  cuda_call(info.Env(),
            [&] { check(cudaEventElapsedTime(&milliseconds, from.get(), to.get()), "cudaEventElapsedTime"); });
  return Napi::Number::New(info.Env(), static_cast<double>(milliseconds));
}

/** `passed()`: whether the device has come to it; true for an event that was never recorded. Waits for nothing. */
Napi::Value EventObject::passed(const Napi::CallbackInfo& info) {
  const cudaError_t state = cudaEventQuery(event(info.Env()).get());
  if (state == cudaErrorNotReady) {
    cudaGetLastError();
    return Napi::Boolean::New(info.Env(), false);
  }
  cuda_call(info.Env(), [&] { check(state, "cudaEventQuery"); });
  return Napi::Boolean::New(info.Env(), true);
}

/** `close()`: frees it. CUDA keeps what it needs of an event that is waited for. */
void EventObject::close(const Napi::CallbackInfo&) { event_.reset(); }

}  // namespace arfuse::binding
