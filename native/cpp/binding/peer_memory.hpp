#pragma once

#include <napi.h>

#include <memory>

#include "../memory/peer_mapping.hpp"

namespace arfuse::binding {

/**
 * `new PeerMemory(device, handle, bytes)`: another process's `DeviceMemory`, mapped at `address` until `close()`, or until nothing
 * refers to it. To be closed before its owner frees it, and while no kernel of the device spins.
 */
class PeerMemory : public Napi::ObjectWrap<PeerMemory> {
 public:
  static constexpr napi_type_tag kTag = {0xe2473b9d15ca60f8, 0x4d09f6a8c37e512b};
  static constexpr const char* kName = "PeerMemory";

  static Napi::Function define(Napi::Env env);

  explicit PeerMemory(const Napi::CallbackInfo& info);

 private:
  Napi::Value address(const Napi::CallbackInfo& info);
  Napi::Value bytes(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  std::unique_ptr<PeerMapping> mapping_;
  double bytes_ = 0;
};

/** `enablePeerAccess(device, peer)`. */
void enable_peer_access(const Napi::CallbackInfo& info);

}  // namespace arfuse::binding
