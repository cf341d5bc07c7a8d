#pragma once

#include <napi.h>

#include <memory>

#include "../memory/device_allocation.hpp"

namespace arfuse::binding {

/**
 * `new DeviceMemory(device, bytes, address?)`: memory that lives until `close()`, or until nothing refers to it. With an
 * address it is a view of memory that another part of the process owns.
 */
class DeviceMemory : public Napi::ObjectWrap<DeviceMemory> {
 public:
  static constexpr napi_type_tag kTag = {0x51c80f3ad2764be9, 0xb7e3902f6a14d85c};
  static constexpr const char* kName = "DeviceMemory";

  static Napi::Function define(Napi::Env env);

  explicit DeviceMemory(const Napi::CallbackInfo& info);

  /** @throws Napi::Error when it was closed */
  const DeviceAllocation& allocation(Napi::Env env) const;

 private:
  Napi::Value bytes(const Napi::CallbackInfo& info);
  Napi::Value address(const Napi::CallbackInfo& info);
  Napi::Value ipc_handle(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  std::unique_ptr<DeviceAllocation> allocation_;
};

/**
 * Address `{ memory, offset }` of device memory.
 * @throws Napi::TypeError unless `bytes` bytes lie behind it, aligned to 16
 */
void* device_pointer(Napi::Value value, const std::string& name, std::size_t bytes);

}  // namespace arfuse::binding
