#include "nccl_library.hpp"

#include <cstring>

#include "arguments.hpp"
#include "nccl_call.hpp"

namespace arfuse::binding {

Napi::Function NcclLibrary::define(Napi::Env env) {
  return DefineClass(env, "NcclLibrary",
                     {
                         InstanceAccessor<&NcclLibrary::version>("version"),
                         InstanceAccessor<&NcclLibrary::file>("file"),
                         InstanceMethod<&NcclLibrary::unique_id>("uniqueId"),
                     });
}

NcclLibrary::NcclLibrary(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NcclLibrary>(info) {
  info.This().As<Napi::Object>().TypeTag(&kTag);
  if (!info[0].IsString()) refuse(info.Env(), "path", "a file or the name of a library");
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  // dlopen("") is this program itself.
  if (path.empty()) refuse(info.Env(), "path", "a file or the name of a library");
  nccl_call(info.Env(), [&] { library_ = &nccl::Library::open(path); });
}

Napi::Value NcclLibrary::version(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), nccl::version_text(library_->version()));
}

Napi::Value NcclLibrary::file(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), library_->file()); }

/** `uniqueId()`: what the ranks of a new communicator find each other by; one rank asks for it. */
Napi::Value NcclLibrary::unique_id(const Napi::CallbackInfo& info) {
  nccl::UniqueId id{};
  nccl_call(info.Env(), [&] { library_->check(library_->api().get_unique_id(&id), "ncclGetUniqueId"); });
  auto copy = Napi::Uint8Array::New(info.Env(), sizeof id.bytes);
  std::memcpy(copy.Data(), id.bytes, sizeof id.bytes);
  return copy.As<Napi::Value>();
}

}  // namespace arfuse::binding
