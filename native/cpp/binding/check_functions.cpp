#include "check_functions.hpp"

#include "../check/codes.hpp"
#include "arguments.hpp"
#include "codes_arguments.hpp"
#if defined(ARFUSE_CUDA)
#include "../check/check_launch.hpp"
#include "../device/device_guard.hpp"
#include "cuda_call.hpp"
#include "device_memory.hpp"
#include "launch.hpp"
#include "prepare_producer.hpp"
#endif

namespace arfuse::binding {
namespace {

/** `codes(spec, out)`: the rows of a spec in an array. */
Napi::Value codes(const Napi::CallbackInfo& info) {
  const Napi::Object given = object_of(info[0], "codes");
  const CodesSpec spec = codes_of(given);
  const int rows = rows_of(given);
  void* out = host_pointer(info[1], "out", codes_bytes(spec, rows));
  std::size_t at = 0;
  for (int row = spec.row; row < spec.row + rows; ++row) {
    for (int column = 0; column < spec.hidden; ++column, ++at) {
      const std::uint32_t code = code_at(spec, row, column);
      if (spec.dtype == Dtype::f32) static_cast<std::uint32_t*>(out)[at] = code;
      else static_cast<std::uint16_t*>(out)[at] = static_cast<std::uint16_t>(code);
    }
  }
  return info.Env().Undefined();
}

#if defined(ARFUSE_CUDA)
constexpr std::pair<const char*, CodeFormat> kFormats[] = {
    {"bf16", CodeFormat::bf16},      {"f16", CodeFormat::f16},         {"f32", CodeFormat::f32},
    {"f8e4m3fn", CodeFormat::e4m3},  {"f4e2m1fnx2", CodeFormat::e2m1}, {"f8e8m0fnu", CodeFormat::ue8m0},
    {"u8", CodeFormat::byte}};
constexpr std::pair<const char*, ScaleDtype> kScaleDtypes[] = {
    {"f32", ScaleDtype::f32}, {"f8e8m0fnu", ScaleDtype::ue8m0}, {"f8e4m3fn", ScaleDtype::e4m3}};
constexpr std::pair<const char*, ScaleLayout> kLayouts[] = {{"none", ScaleLayout::row_major},
                                                            {"row_major", ScaleLayout::row_major},
                                                            {"linear", ScaleLayout::row_major},
                                                            {"column_major", ScaleLayout::column_major},
                                                            {"column_major_packed", ScaleLayout::column_major_packed},
                                                            {"swizzled_128x4", ScaleLayout::swizzled_128x4}};

/** `prepareCodes(device, { …spec, rows, out })`: a launch for up to so many rows. */
Napi::Value prepare_codes(const Napi::CallbackInfo& info) {
  const int device = ordinal_of(info[0]);
  const Napi::Object given = object_of(info[1], "codes");
  const CodesSpec spec = codes_of(given);
  const int rows = rows_of(given);
  void* out = device_pointer(given.Get("out"), "out", codes_bytes(spec, rows));
  return LaunchObject::wrap(std::make_unique<CodesLaunch>(device, rows, spec, out), given);
}

/** `bytesInUse(device)`: of all processes together. */
Napi::Value bytes_in_use(const Napi::CallbackInfo& info) {
  const int device = ordinal_of(info[0]);
  std::size_t free = 0;
  std::size_t total = 0;
  cuda_call(info.Env(), [&] {
    const DeviceGuard guard(device);
    arfuse::check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  });
  return Napi::Number::New(info.Env(), static_cast<double>(total - free));
}

Findings* findings_of(Napi::Object given) {
  return static_cast<Findings*>(device_pointer(given.Get("findings"), "findings", sizeof(Findings)));
}

/** `prepareComparison(device, { format, codes, found, expected, findings, poison, scaled? })`: for up to so many codes. */
Napi::Value prepare_comparison(const Napi::CallbackInfo& info) {
  const int device = ordinal_of(info[0]);
  const Napi::Object given = object_of(info[1], "comparison");
  const int codes = integer_of(given, "codes", 1, 2'147'483'647);
  ComparisonParams params;
  params.format = one_of(given, "format", kFormats);
  auto bytes = static_cast<std::size_t>(codes);
  if (params.format == CodeFormat::f32) bytes *= 4;
  if (params.format == CodeFormat::bf16 || params.format == CodeFormat::f16) bytes *= 2;
  if (params.format == CodeFormat::e2m1) bytes = (bytes + 1) / 2;
  params.found = device_pointer(given.Get("found"), "found", bytes);
  params.expected = device_pointer(given.Get("expected"), "expected", bytes);
  params.findings = findings_of(given);
  params.poison = static_cast<unsigned char>(integer_of(given, "poison", 0, 255));
  if (has(given, "scaled")) {
    const Napi::Object scaled = object_of(given.Get("scaled"), "scaled");
    params.scaled.hidden = integer_of(scaled, "hidden", 1, 1 << 20);
    params.scaled.group = integer_of(scaled, "group", 1, params.scaled.hidden);
    params.scaled.dtype = one_of(scaled, "dtype", kScaleDtypes);
    params.scaled.layout = one_of(scaled, "layout", kLayouts);
    const auto scale_bytes = static_cast<std::size_t>(integer_of(scaled, "bytes", 1, 2'147'483'647));
    params.scaled.found = device_pointer(scaled.Get("found"), "scaled.found", scale_bytes);
    params.scaled.expected = device_pointer(scaled.Get("expected"), "scaled.expected", scale_bytes);
  }
  return LaunchObject::wrap(std::make_unique<ComparisonLaunch>(device, codes, params), given);
}

/** `prepareUniform(device, { place, behind, bytes, byte, findings })`: for up to so many bytes, `behind` bytes behind a place. */
Napi::Value prepare_uniform(const Napi::CallbackInfo& info) {
  const int device = ordinal_of(info[0]);
  const Napi::Object given = object_of(info[1], "uniform");
  const int bytes = integer_of(given, "bytes", 1, 2'147'483'647);
  const int behind = integer_of(given, "behind", 0, 15);
  UniformParams params;
  const void* place = device_pointer(given.Get("place"), "place", static_cast<std::size_t>(bytes) + static_cast<std::size_t>(behind));
  params.bytes = static_cast<const unsigned char*>(place) + behind;
  params.byte = static_cast<unsigned char>(integer_of(given, "byte", 0, 255));
  params.findings = findings_of(given);
  return LaunchObject::wrap(std::make_unique<UniformLaunch>(device, bytes, params), given);
}
#endif

}  // namespace

Napi::Object check_functions(Napi::Env env) {
  Napi::Object functions = Napi::Object::New(env);
  functions.Set("codes", Napi::Function::New(env, codes, "codes"));
#if defined(ARFUSE_CUDA)
  functions.Set("bytesInUse", Napi::Function::New(env, bytes_in_use, "bytesInUse"));
  functions.Set("prepareCodes", Napi::Function::New(env, prepare_codes, "prepareCodes"));
  functions.Set("prepareComparison", Napi::Function::New(env, prepare_comparison, "prepareComparison"));
  functions.Set("prepareHastyCopy", Napi::Function::New(env, prepare_hasty_copy, "prepareHastyCopy"));
  functions.Set("prepareProducer", Napi::Function::New(env, prepare_producer, "prepareProducer"));
  functions.Set("prepareUniform", Napi::Function::New(env, prepare_uniform, "prepareUniform"));
#endif
  return functions;
}

}  // namespace arfuse::binding
