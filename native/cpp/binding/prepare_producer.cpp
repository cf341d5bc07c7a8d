#include "prepare_producer.hpp"

#include "../check/producer_launch.hpp"
#include "arguments.hpp"
#include "codes_arguments.hpp"
#include "cuda_call.hpp"
#include "device_memory.hpp"
#include "launch.hpp"

namespace arfuse::binding {

Napi::Value prepare_producer(const Napi::CallbackInfo& info) {
  const int device = ordinal_of(info[0]);
  const Napi::Object given = object_of(info[1], "producer");
  ProducerParams params;
  params.delay = static_cast<unsigned int>(integer_of(given, "delay", 0, 100'000'000));
  const Napi::Value tensors = given.Get("tensors");
  if (!tensors.IsArray() || tensors.As<Napi::Array>().Length() < 1 || tensors.As<Napi::Array>().Length() > kMostProduced)
    refuse(info.Env(), "tensors", "1 to " + std::to_string(kMostProduced) + " of them in an array");
  const auto list = tensors.As<Napi::Array>();
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Object tensor = object_of(list.Get(i), "tensor");
    ProducedTensor& to = params.tensors[params.count++];
    to.spec = codes_of(tensor);
    const int rows = rows_of(tensor);
    to.count = static_cast<std::int64_t>(rows) * to.spec.hidden;
    to.out = device_pointer(tensor.Get("out"), "out", codes_bytes(to.spec, rows));
  }
  std::unique_ptr<Launch> launch;
  cuda_call(info.Env(), [&] { launch = std::make_unique<ProducerLaunch>(device, params); });
  return LaunchObject::wrap(std::move(launch), given);
}

Napi::Value prepare_hasty_copy(const Napi::CallbackInfo& info) {
  const int device = ordinal_of(info[0]);
  const Napi::Object given = object_of(info[1], "copy");
  HastyCopyParams params;
  params.bytes = integer_of(given, "bytes", 1, 2'147'483'647);
  const auto bytes = static_cast<std::size_t>(params.bytes);
  params.from = static_cast<const unsigned char*>(device_pointer(given.Get("from"), "from", bytes));
  params.to = static_cast<unsigned char*>(device_pointer(given.Get("to"), "to", bytes));
  std::unique_ptr<Launch> launch;
  cuda_call(info.Env(), [&] { launch = std::make_unique<HastyCopyLaunch>(device, params); });
  return LaunchObject::wrap(std::move(launch), given);
}

}  // namespace arfuse::binding
