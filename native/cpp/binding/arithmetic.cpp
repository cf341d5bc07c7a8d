#include "arithmetic.hpp"

#include "../arithmetic/all_reduce.hpp"
#include "../kernels/norm_host.hpp"
#include "arguments.hpp"
#include "norm_arguments.hpp"

namespace arfuse::binding {
namespace {

template <typename T>
void encode_all(const float* from, std::size_t count, void* to) {
  for (std::size_t i = 0; i < count; ++i) static_cast<typename T::Code*>(to)[i] = T::encode(from[i]);
}

template <typename T>
void decode_all(const void* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = T::decode(static_cast<const typename T::Code*>(from)[i]);
}

struct Ue8m0Up : Ue8m0 {
  static Code encode(float x) { return Ue8m0::encode_up(x); }
};

/** A format by the name of its dtype, with its conversions over arrays. */
struct NamedFormat {
  const char* name;
  std::size_t size;
  void (*encode)(const float*, std::size_t, void*);
  void (*decode)(const void*, std::size_t, float*);
};

constexpr NamedFormat kFormats[] = {
    {"bf16", 2, encode_all<Bf16>, decode_all<Bf16>},
    {"f16", 2, encode_all<F16>, decode_all<F16>},
    {"f32", 4, encode_all<F32>, decode_all<F32>},
    {"f8e4m3fn", 1, encode_all<E4m3>, decode_all<E4m3>},
    {"f8e5m2", 1, encode_all<E5m2>, decode_all<E5m2>},
    {"f4e2m1fnx2", 1, encode_all<E2m1>, decode_all<E2m1>},
    {"f8e8m0fnu", 1, encode_all<Ue8m0Up>, decode_all<Ue8m0Up>},
};

const NamedFormat& format_of(const Napi::Value& value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
  for (const NamedFormat& format : kFormats)
    if (name == format.name) return format;
  refuse(value.Env(), "dtype", "bf16, f16, f32, f8e4m3fn, f8e5m2, f4e2m1fnx2 or f8e8m0fnu");
}

/** `encode(dtype, values, codes)`: one code per value, in an array of the dtype's width. */
Napi::Value encode(const Napi::CallbackInfo& info) {
  const NamedFormat& format = format_of(info[0]);
  if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array)
    refuse(info.Env(), "values", "a Float32Array");
  const auto values = info[1].As<Napi::Float32Array>();
  format.encode(values.Data(), values.ElementLength(),
                host_pointer(info[2], "codes", values.ElementLength() * format.size));
  return info.Env().Undefined();
}

/** `decode(dtype, codes, values)`. */
Napi::Value decode(const Napi::CallbackInfo& info) {
  const NamedFormat& format = format_of(info[0]);
  if (!info[2].IsTypedArray() || info[2].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array)
    refuse(info.Env(), "values", "a Float32Array");
  auto values = info[2].As<Napi::Float32Array>();
  format.decode(host_pointer(info[1], "codes", values.ElementLength() * format.size), values.ElementLength(),
                values.Data());
  return info.Env().Undefined();
}

template <typename T>
void all_reduce(const std::vector<const void*>& partials, std::size_t count, bool rounds, void* out) {
  using Code = typename T::Code;
  for (std::size_t i = 0; i < count; ++i)
    static_cast<Code*>(out)[i] = T::encode(sum_in_rank_order<T>(static_cast<int>(partials.size()), rounds, [&](int rank) {
      return T::decode(static_cast<const Code*>(partials[static_cast<std::size_t>(rank)])[i]);
    }));
}

/** `allReduce({ dtype, elements, rounds, partials, out })`: the sum in rank order. */
Napi::Value all_reduce_on_host(const Napi::CallbackInfo& info) {
  const Napi::Object given = object_of(info[0], "allReduce");
  const Dtype dtype = dtype_of(given, "dtype");
  const auto count = static_cast<std::size_t>(integer_of(given, "elements", 0, 1 << 30));
  const bool rounds = flag_of(given, "rounds");
  if (!given.Get("partials").IsArray()) refuse(info.Env(), "partials", "an array with one typed array per rank");
  const auto list = given.Get("partials").As<Napi::Array>();
  std::vector<const void*> partials;
  partials.reserve(list.Length());
  for (std::uint32_t rank = 0; rank < list.Length(); ++rank)
    partials.push_back(host_pointer(list.Get(rank), "partials", count * size_of(dtype)));
  if (partials.empty()) refuse(info.Env(), "partials", "at least one rank");
  void* out = host_pointer(given.Get("out"), "out", count * size_of(dtype));
  if (dtype == Dtype::bf16) all_reduce<Bf16>(partials, count, rounds, out);
  else if (dtype == Dtype::f16) all_reduce<F16>(partials, count, rounds, out);
  else all_reduce<F32>(partials, count, rounds, out);
  return info.Env().Undefined();
}

/** `norm({ dtype, rows, hidden, x, … })`: a launch of the norm kernel, on the host. */
Napi::Value norm_on_host(const Napi::CallbackInfo& info) {
  const Napi::Object given = object_of(info[0], "norm");
  const Dtype dtype = dtype_of(given, "dtype");
  run_norm_on_host(norm_arguments(given, dtype, host_pointer), dtype);
  return info.Env().Undefined();
}

}  // namespace

Napi::Object arithmetic(Napi::Env env) {
  Napi::Object found = Napi::Object::New(env);
  found.Set("encode", Napi::Function::New(env, encode, "encode"));
  found.Set("decode", Napi::Function::New(env, decode, "decode"));
  found.Set("allReduce", Napi::Function::New(env, all_reduce_on_host, "allReduce"));
  found.Set("norm", Napi::Function::New(env, norm_on_host, "norm"));
  return found;
}

}  // namespace arfuse::binding
