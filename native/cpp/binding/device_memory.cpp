#include "device_memory.hpp"

#include <cstring>

#include "../memory/peer_mapping.hpp"
#include "arguments.hpp"
#include "cuda_call.hpp"
#include "wrapped.hpp"

namespace arfuse::binding {
namespace {

/** Widest load of a kernel. */
constexpr std::size_t kAlignment = 16;

}  // namespace

Napi::Function DeviceMemory::define(Napi::Env env) {
  return DefineClass(env, "DeviceMemory",
                     {
                         InstanceAccessor<&DeviceMemory::bytes>("bytes"),
                         InstanceAccessor<&DeviceMemory::address>("address"),
                         InstanceMethod<&DeviceMemory::ipc_handle>("ipcHandle"),
                         InstanceMethod<&DeviceMemory::close>("close"),
                     });
}

DeviceMemory::DeviceMemory(const Napi::CallbackInfo& info) : Napi::ObjectWrap<DeviceMemory>(info) {
  if (!info[1].IsNumber()) refuse(info.Env(), "DeviceMemory", "a device and a byte count");
  info.This().As<Napi::Object>().TypeTag(&kTag);
  const int device = ordinal_of(info[0]);
  const double bytes = info[1].As<Napi::Number>().DoubleValue();
  if (!(bytes >= 1 && bytes <= 9007199254740991.0)) refuse(info.Env(), "bytes", "a number of 1 or more");
  const auto count = static_cast<std::size_t>(bytes);
  if (info[2].IsUndefined()) {
    cuda_call(info.Env(), [&] { allocation_ = std::make_unique<DeviceAllocation>(device, count); });
    return;
  }
  void* address = address_of(info[2], "address");
  if (reinterpret_cast<std::uintptr_t>(address) % kAlignment != 0) refuse(info.Env(), "address", "a multiple of 16");
  allocation_ = std::make_unique<DeviceAllocation>(device, count, address);
}

const DeviceAllocation& DeviceMemory::allocation(Napi::Env env) const {
  if (!allocation_) throw Napi::Error::New(env, "the device memory is closed.");
  return *allocation_;
}

Napi::Value DeviceMemory::bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(allocation(info.Env()).bytes()));
}

Napi::Value DeviceMemory::address(const Napi::CallbackInfo& info) {
  return Napi::BigInt::New(info.Env(), static_cast<std::uint64_t>(
                                           reinterpret_cast<std::uintptr_t>(allocation(info.Env()).address())));
}

Napi::Value DeviceMemory::ipc_handle(const Napi::CallbackInfo& info) {
  const DeviceAllocation& given = allocation(info.Env());
  void* const address = given.address();
  if (!given.owned()) throw Napi::Error::New(info.Env(), "the device memory is a view: its owner has the handle.");
  const cudaIpcMemHandle_t handle =
      cuda_call(info.Env(), [&] { return ipc_handle_of(given.device(), address); });
  auto copy = Napi::Uint8Array::New(info.Env(), sizeof handle);
  std::memcpy(copy.Data(), &handle, sizeof handle);
  return copy.As<Napi::Value>();
}

void DeviceMemory::close(const Napi::CallbackInfo&) { allocation_.reset(); }

void* device_pointer(Napi::Value value, const std::string& name, std::size_t bytes) {
  const Napi::Object place = object_of(value, name);
  const double offset = number_of(place, "offset");
  const DeviceAllocation& allocation = wrapped<DeviceMemory>(place.Get("memory"), name + ".memory").allocation(value.Env());
  if (!(offset >= 0) || offset + static_cast<double>(bytes) > static_cast<double>(allocation.bytes()))
    refuse(value.Env(), name,
           std::to_string(bytes) + " bytes behind offset " + std::to_string(static_cast<long long>(offset)) + " of " +
               std::to_string(allocation.bytes()));
  const auto at = static_cast<std::size_t>(offset);
  if (at % kAlignment != 0) refuse(value.Env(), name, "an offset that is a multiple of 16");
  return allocation.address() + at;
}

}  // namespace arfuse::binding
