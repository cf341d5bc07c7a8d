#include "stream.hpp"

#include <chrono>

#include "../kernels/norm.hpp"
#include "arguments.hpp"
#include "cuda_call.hpp"
#include "device_memory.hpp"
#include "event.hpp"
#include "graph.hpp"
#include "instance_data.hpp"
#include "launch.hpp"
#include "norm_arguments.hpp"
#include "wrapped.hpp"

namespace arfuse::binding {
namespace {

/** Waits for a stream outside of Node's thread. Keeps the stream alive meanwhile. */
class SyncWorker : public Napi::AsyncWorker {
 public:
  SyncWorker(Napi::Env env, std::shared_ptr<Stream> stream)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), stream_(std::move(stream)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      const DeviceGuard guard(stream_->device());
      check(cudaStreamSynchronize(stream_->get()), "cudaStreamSynchronize");
    } catch (const CudaError& failure) {
      name_ = failure.name();
      SetError(failure.what());
    }
  }

  void OnOK() override {
    // More may have been enqueued since. An error of it is the next wait's.
    try {
      stream_->idle();
    } catch (const CudaError&) {
      cudaGetLastError();
    }
    deferred_.Resolve(Env().Undefined());
  }

  void OnError(const Napi::Error& error) override {
    error.Set("code", Napi::String::New(Env(), name_));
    deferred_.Reject(error.Value());
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::shared_ptr<Stream> stream_;
  std::string name_;
};

struct HostBytes {
  void* address;
  std::size_t count;
};

HostBytes host_bytes(const Napi::Value& value) {
  if (!value.IsTypedArray()) refuse(value.Env(), "host", "a typed array");
  const auto array = value.As<Napi::TypedArray>();
  return {host_pointer(value, "host", 0), array.ByteLength()};
}

}  // namespace

Napi::Function StreamObject::define(Napi::Env env) {
  return DefineClass(env, "Stream",
                     {
                         InstanceMethod<&StreamObject::write>("write"),
                         InstanceMethod<&StreamObject::read>("read"),
                         InstanceMethod<&StreamObject::fill>("fill"),
                         InstanceMethod<&StreamObject::copy>("copy"),
                         InstanceMethod<&StreamObject::norm>("norm"),
                         InstanceMethod<&StreamObject::enqueue>("enqueue"),
                         InstanceMethod<&StreamObject::time_enqueue>("timeEnqueue"),
                         InstanceMethod<&StreamObject::record>("record"),
                         InstanceMethod<&StreamObject::wait>("wait"),
                         InstanceMethod<&StreamObject::begin_capture>("beginCapture"),
                         InstanceMethod<&StreamObject::end_capture>("endCapture"),
                         InstanceMethod<&StreamObject::launch>("launch"),
                         InstanceMethod<&StreamObject::idle>("idle"),
                         InstanceMethod<&StreamObject::sync>("sync"),
                     });
}

StreamObject::StreamObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<StreamObject>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
  const int device = ordinal_of(info[0]);
  if (!info[1].IsUndefined()) {
    stream_ = std::make_shared<Stream>(device, static_cast<cudaStream_t>(address_of(info[1], "handle")));
    return;
  }
  cuda_call(info.Env(), [&] { stream_ = std::make_shared<Stream>(device); });
}

/** `write(to, host)`: host bytes into device memory. The host array must stay until `sync()`. */
void StreamObject::write(const Napi::CallbackInfo& info) {
  const HostBytes from = host_bytes(info[1]);
  void* to = device_pointer(info[0], "to", from.count);
  cuda_call(info.Env(), [&] {
    check(cudaMemcpyAsync(to, from.address, from.count, cudaMemcpyHostToDevice, stream_->get()), "cudaMemcpyAsync");
  });
}

/** `read(from, host)`: device memory into host bytes, which hold them after `sync()`. */
void StreamObject::read(const Napi::CallbackInfo& info) {
  const HostBytes to = host_bytes(info[1]);
  void* from = device_pointer(info[0], "from", to.count);
  cuda_call(info.Env(), [&] {
    check(cudaMemcpyAsync(to.address, from, to.count, cudaMemcpyDeviceToHost, stream_->get()), "cudaMemcpyAsync");
  });
}

/** `fill(to, byte, count)`. */
void StreamObject::fill(const Napi::CallbackInfo& info) {
  if (!info[1].IsNumber() || !info[2].IsNumber()) refuse(info.Env(), "fill", "a place, a byte and a count");
  const auto count = static_cast<std::size_t>(info[2].As<Napi::Number>().Int64Value());
  void* to = device_pointer(info[0], "to", count);
  cuda_call(info.Env(), [&] {
    check(cudaMemsetAsync(to, info[1].As<Napi::Number>().Int32Value(), count, stream_->get()), "cudaMemsetAsync");
  });
}

/** `copy(to, from, count)` within a device. */
void StreamObject::copy(const Napi::CallbackInfo& info) {
  if (!info[2].IsNumber()) refuse(info.Env(), "count", "a number of bytes");
  const auto count = static_cast<std::size_t>(info[2].As<Napi::Number>().Int64Value());
  void* to = device_pointer(info[0], "to", count);
  const void* from = device_pointer(info[1], "from", count);
  cuda_call(info.Env(),
            [&] { check(cudaMemcpyAsync(to, from, count, cudaMemcpyDeviceToDevice, stream_->get()), "cudaMemcpyAsync"); });
}

/** `norm(launch)`: as `arithmetic.norm`, with `{ memory, offset }` in place of typed arrays. */
void StreamObject::norm(const Napi::CallbackInfo& info) {
  const Napi::Object given = object_of(info[0], "norm");
  const Dtype dtype = dtype_of(given, "dtype");
  const NormParams params = norm_arguments(given, dtype, device_pointer);
  cuda_call(info.Env(), [&] {
    const DeviceGuard guard(stream_->device());
    check(launch_norm(params, dtype, norm_overlaps(stream_->device()), stream_->get()), "norm");
  });
}

/** `enqueue(launch, rows)`: a prepared kernel. */
void StreamObject::enqueue(const Napi::CallbackInfo& info) {
  const auto [launch, rows] = launch_arguments(info);
  cuda_call(info.Env(), [&, &launch = launch, rows = rows] {
    const DeviceGuard guard(stream_->device());
    stream_->begin_work();
    launch.enqueue(rows, stream_->get());
  });
}

/** `timeEnqueue(launch, rows, count)`: enqueues a prepared kernel `count` times; host time of all in nanoseconds. */
Napi::Value StreamObject::time_enqueue(const Napi::CallbackInfo& info) {
  const auto [launch, rows] = launch_arguments(info);
  const int count = info[2].IsNumber() ? info[2].As<Napi::Number>().Int32Value() : 0;
  if (count < 1) refuse(info.Env(), "count", "a whole number from 1");
  std::chrono::steady_clock::duration taken{};
  cuda_call(info.Env(), [&, &launch = launch, rows = rows] {
    stream_->begin_work();
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
      const DeviceGuard guard(stream_->device());
      launch.enqueue(rows, stream_->get());
    }
    taken = std::chrono::steady_clock::now() - begun;
  });
  return Napi::Number::New(info.Env(), std::chrono::duration<double, std::nano>(taken).count());
}

StreamObject::LaunchOfRows StreamObject::launch_arguments(const Napi::CallbackInfo& info) const {
  const Napi::Env env = info.Env();
  Launch& launch = wrapped<LaunchObject>(info[0], "launch").launch(env);
  const double rows = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : 0.0;
  if (!(rows >= 1 && rows <= launch.max_rows()) || rows != static_cast<double>(static_cast<int>(rows)))
    refuse(env, "rows", "a whole number from 1 to " + std::to_string(launch.max_rows()));
  if (launch.device() != stream_->device())
    refuse(env, "launch", "one of device " + std::to_string(stream_->device()) + ", the stream's");
  return {launch, static_cast<int>(rows)};
}

/** `record(event)`: the event keeps when the device comes to this point. */
void StreamObject::record(const Napi::CallbackInfo& info) {
  const Event& event = wrapped<EventObject>(info[0], "event").event(info.Env());
  cuda_call(info.Env(), [&] { check(cudaEventRecord(event.get(), stream_->get()), "cudaEventRecord"); });
}

/** `wait(event)`: what is enqueued from here on runs after the event's point has been passed. */
void StreamObject::wait(const Napi::CallbackInfo& info) {
  const Event& event = wrapped<EventObject>(info[0], "event").event(info.Env());
  cuda_call(info.Env(), [&] { check(cudaStreamWaitEvent(stream_->get(), event.get(), 0), "cudaStreamWaitEvent"); });
}

/** `beginCapture()`: what is enqueued from here on is kept and does not run. */
void StreamObject::begin_capture(const Napi::CallbackInfo& info) {
  cuda_call(info.Env(), [&] { stream_->begin_capture(); });
}

/** `endCapture()`: the sequence since `beginCapture()` as a `Graph`. */
Napi::Value StreamObject::end_capture(const Napi::CallbackInfo& info) {
  std::unique_ptr<Graph> graph;
  cuda_call(info.Env(), [&] { graph = std::make_unique<Graph>(stream_->device(), stream_->end_capture()); });
  const Napi::Object made = instance_data(info.Env()).graph.New({});
  GraphObject::Unwrap(made)->take(std::move(graph));
  return made;
}

/** `launch(graph)`. */
void StreamObject::launch(const Napi::CallbackInfo& info) {
  const Graph& graph = wrapped<GraphObject>(info[0], "graph").graph(info.Env());
  cuda_call(info.Env(), [&] {
    stream_->begin_work();
    check(cudaGraphLaunch(graph.get(), stream_->get()), "cudaGraphLaunch");
  });
}

/** `idle()`: whether everything enqueued so far has run. Waits for nothing. */
Napi::Value StreamObject::idle(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), cuda_call(info.Env(), [&] { return stream_->idle(); }));
}

Napi::Value StreamObject::sync(const Napi::CallbackInfo& info) {
  auto* worker = new SyncWorker(info.Env(), stream_);
  const Napi::Promise promise = worker->promise();
  worker->Queue();
  return promise;
}

}  // namespace arfuse::binding
