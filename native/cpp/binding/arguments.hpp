#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace arfuse::binding {

/** Refuses an argument with its name and what was expected. */
[[noreturn]] inline void refuse(Napi::Env env, const std::string& name, const std::string& expected) {
  throw Napi::TypeError::New(env, name + ": expected " + expected + ".");
}

inline Napi::Object object_of(Napi::Value value, const std::string& name) {
  if (!value.IsObject()) refuse(value.Env(), name, "an object");
  return value.As<Napi::Object>();
}

/** A member that may be left out. */
inline bool has(Napi::Object object, const char* key) {
  const Napi::Value value = object.Get(key);
  return !value.IsUndefined() && !value.IsNull();
}

inline double number_of(Napi::Object object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsNumber()) refuse(object.Env(), key, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

inline int integer_of(Napi::Object object, const char* key, int least, int most) {
  const double value = number_of(object, key);
  if (!(value >= least && value <= most) || value != static_cast<double>(static_cast<int>(value)))
    refuse(object.Env(), key, "an integer from " + std::to_string(least) + " to " + std::to_string(most));
  return static_cast<int>(value);
}

/** Ordinal of a device. */
inline int ordinal_of(Napi::Value value) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1.0;
  if (!(number >= 0 && number < 4096) || number != static_cast<double>(static_cast<int>(number)))
    refuse(value.Env(), "device", "an ordinal from 0");
  return static_cast<int>(number);
}

/** An address of device memory, or a handle, that another part of the process made. */
inline void* address_of(Napi::Value value, const std::string& name) {
  bool lossless = false;
  const std::uint64_t address = value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
  if (!lossless) refuse(value.Env(), name, "a BigInt of 64 bits");
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(address));
}

inline bool flag_of(Napi::Object object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsBoolean()) refuse(object.Env(), key, "true or false");
  return value.As<Napi::Boolean>().Value();
}

/** One of the named values of an enumeration. */
template <typename Enum, std::size_t kCount>
Enum one_of(Napi::Object object, const char* key, const std::pair<const char*, Enum> (&known)[kCount]) {
  const Napi::Value value = object.Get(key);
  const std::string text = value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
  std::string names;
  for (const auto& [name, found] : known) {
    if (text == name) return found;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  refuse(object.Env(), key, "one of " + names);
}

/** Address of a typed array that holds at least `bytes` bytes and is aligned for vectors. */
inline void* host_pointer(Napi::Value value, const std::string& name, std::size_t bytes) {
  if (!value.IsTypedArray()) refuse(value.Env(), name, "a typed array");
  const auto array = value.As<Napi::TypedArray>();
  if (array.ByteLength() < bytes)
    refuse(value.Env(), name, std::to_string(bytes) + " bytes, not " + std::to_string(array.ByteLength()));
  return static_cast<std::byte*>(array.ArrayBuffer().Data()) + array.ByteOffset();
}

}  // namespace arfuse::binding
