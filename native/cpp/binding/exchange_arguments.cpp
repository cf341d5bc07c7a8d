#include "exchange_arguments.hpp"

#include <cstring>
#include <initializer_list>

#include "../launch/exchange_state.hpp"
#include "arguments.hpp"
#include "norm_arguments.hpp"

namespace arfuse::binding {
namespace {

constexpr std::pair<const char*, Shot> kShots[] = {{"one-shot", Shot::one}, {"two-shot", Shot::two}};

/** Largest tensor that a workspace is laid out for, in bytes. */
constexpr double kMostBytes = 1099511627776.0;

Napi::Number number(Napi::Env env, std::size_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

/** `layout({ size, oneShotBytes, twoShotBytes })`. */
Napi::Value layout(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object given = object_of(info[0], "layout");
  const ExchangeLayout found = layout_of(given, ranks_of(given));
  Napi::Object result = Napi::Object::New(env);
  result.Set("bytes", number(env, found.bytes));
  result.Set("headBytes", number(env, sizeof(ExchangeHead)));
  const Napi::Array buffers = Napi::Array::New(env);
  for (const std::size_t buffer : found.buffer) buffers.Set(buffers.Length(), number(env, buffer));
  result.Set("buffers", buffers);
  result.Set("bufferBytes", number(env, found.buffer[1] - found.buffer[0]));
  result.Set("oneShotSlotBytes", number(env, found.one_shot_slot));
  result.Set("twoShotSlotBytes", number(env, found.two_shot_slot));
  result.Set("resultOffset", number(env, found.result));
  return result;
}

/** `geometry({ shot, dtype, rows, hidden, size, ranksPerDevice, multiprocessors })`. */
Napi::Value geometry(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object given = object_of(info[0], "geometry");
  const int ranks = ranks_of(given);
  const int most = most_blocks_of(given, ranks, integer_of(given, "multiprocessors", 1, 1 << 16));
  const auto rows = static_cast<std::size_t>(integer_of(given, "rows", 1, 1 << 30));
  const ExchangeGeometry found = exchange_geometry(shot_of(given), rows * row_bytes_of(given), ranks, most);
  Napi::Object result = Napi::Object::New(env);
  result.Set("blocks", found.blocks);
  result.Set("threads", kExchangeThreads);
  result.Set("vectors", static_cast<double>(found.vectors));
  result.Set("shared", static_cast<double>(found.shared));
  return result;
}

/** `state(head, { rank, size })`: what a copy of a workspace's head says. */
Napi::Value state(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ExchangeHead head{};
  std::memcpy(&head, host_pointer(info[0], "head", sizeof head), sizeof head);
  const Napi::Object given = object_of(info[1], "state");
  const int ranks = ranks_of(given);
  const ExchangeState found = exchange_state(head, integer_of(given, "rank", 0, ranks - 1), ranks);
  Napi::Object result = Napi::Object::New(env);
  result.Set("epoch", Napi::BigInt::New(env, found.epoch));
  result.Set("running", Napi::Boolean::New(env, found.running));
  result.Set("aborted", Napi::Boolean::New(env, found.aborted));
  const Napi::Array missing = Napi::Array::New(env);
  for (int peer = 0; peer < ranks; ++peer)
    if ((found.missing >> peer & 1u) != 0) missing.Set(missing.Length(), peer);
  result.Set("missing", missing);
  return result;
}

}  // namespace

std::size_t tensor_bytes_of(Napi::Object object, const char* key) {
  const double bytes = number_of(object, key);
  if (!(bytes >= 0 && bytes <= kMostBytes) || bytes != static_cast<double>(static_cast<std::uint64_t>(bytes)))
    refuse(object.Env(), key, "a whole number of bytes up to 2^40");
  return static_cast<std::size_t>(bytes);
}

Shot shot_of(Napi::Object given) { return one_of(given, "shot", kShots); }

int ranks_of(Napi::Object given) {
  const double size = number_of(given, "size");
  for (const int known : {2, 4, 6, 8})
    if (size == known) return known;
  refuse(given.Env(), "size", "2, 4, 6 or 8 ranks");
}

std::size_t row_bytes_of(Napi::Object given) {
  const std::size_t bytes =
      static_cast<std::size_t>(integer_of(given, "hidden", 1, 1 << 24)) * size_of(dtype_of(given, "dtype"));
  if (bytes % kExchangeVector != 0) refuse(given.Env(), "hidden", "rows of whole 16-byte vectors");
  return bytes;
}

int most_blocks_of(Napi::Object given, int ranks, int multiprocessors) {
  const int sharing = integer_of(given, "ranksPerDevice", 1, ranks);
  if (!exchange_fits(sharing, multiprocessors))
    refuse(given.Env(), "ranksPerDevice", "at most as many ranks as multiprocessors, " + std::to_string(multiprocessors));
  return most_exchange_blocks(sharing, multiprocessors);
}

ExchangeLayout layout_of(Napi::Object given, int ranks) {
  return exchange_layout(ranks, tensor_bytes_of(given, "oneShotBytes"), tensor_bytes_of(given, "twoShotBytes"));
}

Napi::Object exchange_functions(Napi::Env env) {
  Napi::Object found = Napi::Object::New(env);
  found.Set("layout", Napi::Function::New(env, layout, "layout"));
  found.Set("geometry", Napi::Function::New(env, geometry, "geometry"));
  found.Set("state", Napi::Function::New(env, state, "state"));
  return found;
}

}  // namespace arfuse::binding
