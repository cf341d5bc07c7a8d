#include "../nccl/all_reduce_launch.hpp"
#include "arguments.hpp"
#include "device_memory.hpp"
#include "launch.hpp"
#include "nccl_call.hpp"
#include "nccl_communicator.hpp"
#include "nccl_type.hpp"
#include "overlap.hpp"
#include "wrapped.hpp"

namespace arfuse::binding {

Napi::Value prepare_all_reduce(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const int device = ordinal_of(info[0]);
  const Napi::Object given = object_of(info[1], "allReduce");
  const auto& communicator = wrapped<NcclCommunicator>(given.Get("communicator"), "communicator").communicator();
  if (communicator->device() != device)
    refuse(env, "communicator", "one of device " + std::to_string(device) + ", not of " + std::to_string(communicator->device()));
  const nccl::DataType type = nccl_type_of(given, "dtype");
  const int rows = integer_of(given, "rows", 1, 1 << 30);
  const int hidden = integer_of(given, "hidden", 1, 1 << 30);
  const std::size_t bytes = static_cast<std::size_t>(rows) * static_cast<std::size_t>(hidden) * nccl_type_bytes(type);
  const nccl::AllReduceLaunch::Buffers buffers{device_pointer(given.Get("input"), "input", bytes),
                                               device_pointer(given.Get("output"), "output", bytes)};
  refuse_overlap(env, "output", "input", buffers.output, buffers.input, bytes);
  const bool windowed = flag_of(given, "windowed");
  // What is refused now is not refused by a launch.
  nccl_call(env, [&] { return windowed ? communicator->window(bytes) : static_cast<const void*>(communicator->get()); });
  return LaunchObject::wrap(std::make_unique<nccl::AllReduceLaunch>(communicator, rows, static_cast<std::size_t>(hidden), type,
                                                                    buffers, windowed),
                            given);
}

}  // namespace arfuse::binding
