#include "launch.hpp"

#include "instance_data.hpp"

namespace arfuse::binding {

Napi::Function LaunchObject::define(Napi::Env env) {
  return DefineClass(env, "Launch",
                     {InstanceAccessor<&LaunchObject::max_rows>("maxRows"), InstanceMethod<&LaunchObject::close>("close")});
}

LaunchObject::LaunchObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<LaunchObject>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
}

Napi::Value LaunchObject::wrap(std::unique_ptr<Launch> launch, Napi::Object description) {
  const Napi::Object made = instance_data(description.Env()).launch.New({});
  LaunchObject& object = *Unwrap(made);
  object.launch_ = std::move(launch);
  object.description_ = Napi::Persistent(description);
  return made;
}

Launch& LaunchObject::launch(Napi::Env env) const {
  if (!launch_) throw Napi::Error::New(env, "the launch is closed, or no description made it.");
  return *launch_;
}

Napi::Value LaunchObject::max_rows(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), launch(info.Env()).max_rows());
}

void LaunchObject::close(const Napi::CallbackInfo&) {
  launch_.reset();
  description_.Reset();
}

}  // namespace arfuse::binding
