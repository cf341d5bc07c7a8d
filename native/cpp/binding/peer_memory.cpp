#include "peer_memory.hpp"

#include <cstring>

#include "../device/peer_access.hpp"
#include "arguments.hpp"
#include "cuda_call.hpp"

namespace arfuse::binding {

Napi::Function PeerMemory::define(Napi::Env env) {
  return DefineClass(env, "PeerMemory",
                     {InstanceAccessor<&PeerMemory::address>("address"), InstanceAccessor<&PeerMemory::bytes>("bytes"),
                      InstanceMethod<&PeerMemory::close>("close")});
}

PeerMemory::PeerMemory(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PeerMemory>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
  const int device = ordinal_of(info[0]);
  cudaIpcMemHandle_t handle{};
  if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().ByteLength() != sizeof handle)
    refuse(info.Env(), "handle", std::to_string(sizeof handle) + " bytes of ipcHandle()");
  std::memcpy(&handle, host_pointer(info[1], "handle", sizeof handle), sizeof handle);
  const double bytes = info[2].IsNumber() ? info[2].As<Napi::Number>().DoubleValue() : 0.0;
  if (!(bytes >= 1)) refuse(info.Env(), "bytes", "a number of 1 or more");
  bytes_ = bytes;
  cuda_call(info.Env(), [&] { mapping_ = std::make_unique<PeerMapping>(device, handle); });
}

Napi::Value PeerMemory::address(const Napi::CallbackInfo& info) {
  if (!mapping_) throw Napi::Error::New(info.Env(), "the peer memory is closed.");
  return Napi::BigInt::New(info.Env(),
                           static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(mapping_->address())));
}

Napi::Value PeerMemory::bytes(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), bytes_); }

void PeerMemory::close(const Napi::CallbackInfo&) { mapping_.reset(); }

void enable_peer_access(const Napi::CallbackInfo& info) {
  const int device = ordinal_of(info[0]);
  if (!info[1].IsNumber()) refuse(info.Env(), "peer", "an ordinal from 0");
  const int peer = ordinal_of(info[1]);
  cuda_call(info.Env(), [&] { arfuse::enable_peer_access(device, peer); });
}

}  // namespace arfuse::binding
