#include "pinned_memory.hpp"

#include <cstring>

#include "arguments.hpp"
#include "cuda_call.hpp"

namespace arfuse::binding {

Napi::Function PinnedMemory::define(Napi::Env env) {
  return DefineClass(env, "PinnedMemory",
                     {
                         InstanceAccessor<&PinnedMemory::address>("address"),
                         InstanceAccessor<&PinnedMemory::array>("array"),
                         InstanceMethod<&PinnedMemory::close>("close"),
                     });
}

PinnedMemory::PinnedMemory(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PinnedMemory>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
  const double bytes = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : 0.0;
  if (!(bytes >= 1 && bytes <= 4294967296.0)) refuse(info.Env(), "bytes", "a number from 1 to 4294967296");
  cuda_call(info.Env(), [&] { allocation_ = std::make_shared<PinnedAllocation>(static_cast<std::size_t>(bytes)); });
  std::memset(allocation_->address(), 0, allocation_->bytes());
  // The array may be collected after this object: each holds the memory.
  auto* held = new std::shared_ptr<PinnedAllocation>(allocation_);
  const auto buffer = Napi::ArrayBuffer::New(
      info.Env(), allocation_->address(), allocation_->bytes(),
      [](Napi::Env, void*, std::shared_ptr<PinnedAllocation>* hint) { delete hint; }, held);
  buffer_ = Napi::Reference<Napi::ArrayBuffer>::New(buffer, 1);
}

const PinnedAllocation& PinnedMemory::allocation(Napi::Env env) const {
  if (!allocation_) throw Napi::Error::New(env, "the pinned memory is closed.");
  return *allocation_;
}

Napi::Value PinnedMemory::address(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), static_cast<std::uint64_t>(
                                           reinterpret_cast<std::uintptr_t>(allocation(info.Env()).address())));
}

Napi::Value PinnedMemory::array(const Napi::CallbackInfo& info) {
  const std::size_t bytes = allocation(info.Env()).bytes();
  return Napi::Uint8Array::New(info.Env(), bytes, buffer_.Value(), 0).As<Napi::Value>();
}

void PinnedMemory::close(const Napi::CallbackInfo&) {
  if (!allocation_) return;
  buffer_.Value().Detach();
  buffer_.Reset();
  allocation_.reset();
}

}  // namespace arfuse::binding
