#include "nccl_communicator.hpp"

#include <cstring>

#include "arguments.hpp"
#include "nccl_call.hpp"
#include "nccl_library.hpp"
#include "nccl_type.hpp"
#include "wrapped.hpp"

namespace arfuse::binding {
namespace {

/** More ranks than any group has; their ordinals are 32-bit. */
constexpr int kMostRanks = 1 << 20;

nccl::OpenOptions options_of(Napi::Object given) {
  nccl::OpenOptions options;
  const Napi::Env env = given.Env();
  options.size = integer_of(given, "size", 1, kMostRanks);
  options.rank = integer_of(given, "rank", 0, options.size - 1);
  std::memcpy(options.id.bytes, host_pointer(given.Get("id"), "id", sizeof options.id.bytes), sizeof options.id.bytes);
  const double window = number_of(given, "windowBytes");
  if (!(window >= 0 && window <= 9007199254740991.0)) refuse(env, "windowBytes", "0 or a number of bytes");
  options.window_bytes = static_cast<std::size_t>(window);
  if (!given.Get("rehearsals").IsArray()) refuse(env, "rehearsals", "an array");
  const auto list = given.Get("rehearsals").As<Napi::Array>();
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const std::string name = "rehearsals[" + std::to_string(i) + "]";
    const Napi::Object entry = object_of(list.Get(i), name);
    const nccl::DataType type = nccl_type_of(entry, "dtype");
    const double count = number_of(entry, "count");
    const bool windowed = flag_of(entry, "windowed");
    if (!(count >= 1 && count <= 9007199254740991.0)) refuse(env, name + ".count", "a number of 1 or more");
    const auto elements = static_cast<std::size_t>(count);
    if (windowed && elements * nccl_type_bytes(type) > options.window_bytes)
      refuse(env, name + ".count", "what the window of " + std::to_string(options.window_bytes) + " bytes holds");
    options.rehearsals.push_back({type, elements, windowed});
  }
  return options;
}

}  // namespace

Napi::Function NcclCommunicator::define(Napi::Env env) {
  return DefineClass(env, "NcclCommunicator",
                     {
                         InstanceMethod<&NcclCommunicator::open>("open"),
                         InstanceMethod<&NcclCommunicator::ready>("ready"),
                         InstanceMethod<&NcclCommunicator::abort>("abort"),
                         InstanceMethod<&NcclCommunicator::close>("close"),
                         InstanceMethod<&NcclCommunicator::closed>("closed"),
                         InstanceMethod<&NcclCommunicator::failure>("failure"),
                     });
}

NcclCommunicator::NcclCommunicator(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<NcclCommunicator>(info), ending_(std::make_shared<bool>(false)) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
  const nccl::Library& library = wrapped<NcclLibrary>(info[0], "library").library();
  communicator_ = std::make_shared<nccl::Communicator>(library, ordinal_of(info[1]));
  info.Env().AddCleanupHook([ending = ending_] { *ending = true; });
}

NcclCommunicator::~NcclCommunicator() {
  if (!communicator_ || *ending_) return;
  try {
    communicator_->abort();
    // NOLINTNEXTLINE(bugprone-empty-catch): there are no more threads, so it is left to the end of the process
  } catch (const std::exception&) {
  }
}

/** `open({ id, rank, size, windowBytes, rehearsals })`: begins; all ranks do. */
void NcclCommunicator::open(const Napi::CallbackInfo& info) {
  nccl::OpenOptions options = options_of(object_of(info[0], "options"));
  nccl_call(info.Env(), [&] { communicator_->open(std::move(options)); });
}

/** `ready()`: whether it is open; throws what opening failed with. */
Napi::Value NcclCommunicator::ready(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), nccl_call(info.Env(), [&] { return communicator_->ready(); }));
}

/** `abort()`: ends kernels that wait, and what opens. */
void NcclCommunicator::abort(const Napi::CallbackInfo& info) {
  nccl_call(info.Env(), [&] { communicator_->abort(); });
}

/** `close()`: frees what NCCL holds; no captured launch is left. */
void NcclCommunicator::close(const Napi::CallbackInfo& info) {
  nccl_call(info.Env(), [&] { communicator_->close(); });
}

/** `closed()`: whether nothing of it runs any more. */
Napi::Value NcclCommunicator::closed(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), communicator_->closed());
}

/** `failure()`: what NCCL found by itself, e.g. that a peer is gone; null when nothing. */
Napi::Value NcclCommunicator::failure(const Napi::CallbackInfo& info) {
  const std::string words = nccl_call(info.Env(), [&] { return communicator_->failure(); });
  return words.empty() ? info.Env().Null() : Napi::String::New(info.Env(), words);
}

}  // namespace arfuse::binding
