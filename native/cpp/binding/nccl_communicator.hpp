#pragma once

#include <napi.h>

#include <memory>

#include "../nccl/communicator.hpp"

namespace arfuse::binding {

/**
 * `new NcclCommunicator(library, device)`: one rank's communicator: `open(options)`, `ready()`, `abort()`, `close()`,
 * `closed()`, `failure()`. Nothing waits: `ready()` and `closed()` are asked until they are true.
 */
class NcclCommunicator : public Napi::ObjectWrap<NcclCommunicator> {
 public:
  static constexpr napi_type_tag kTag = {0xd2a94c71e60b4f38, 0x8b5c13f7092ea46d};
  static constexpr const char* kName = "NcclCommunicator";

  static Napi::Function define(Napi::Env env);

  explicit NcclCommunicator(const Napi::CallbackInfo& info);
  ~NcclCommunicator() override;
  NcclCommunicator(const NcclCommunicator&) = delete;
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;

  const std::shared_ptr<nccl::Communicator>& communicator() const noexcept { return communicator_; }

 private:
  void open(const Napi::CallbackInfo& info);
  Napi::Value ready(const Napi::CallbackInfo& info);
  void abort(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  Napi::Value closed(const Napi::CallbackInfo& info);
  Napi::Value failure(const Napi::CallbackInfo& info);

  std::shared_ptr<nccl::Communicator> communicator_;
  /** Whether the environment ends: the process may end too, and NCCL may not be called then. */
  std::shared_ptr<bool> ending_;
};

/** `prepareAllReduce(device, allReduce)`: `ncclAllReduce` as a `Launch`. */
Napi::Value prepare_all_reduce(const Napi::CallbackInfo& info);

}  // namespace arfuse::binding
