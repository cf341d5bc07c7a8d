#include "codes_arguments.hpp"

#include "arguments.hpp"
#include "norm_arguments.hpp"

namespace arfuse::binding {
namespace {

constexpr std::pair<const char*, CodesKind> kKinds[] = {{"usual", CodesKind::usual},
                                                        {"special", CodesKind::special},
                                                        {"integers", CodesKind::integers},
                                                        {"vector", CodesKind::vector}};

std::uint32_t word_of(Napi::Object given, const char* key) {
  const double value = number_of(given, key);
  if (!(value >= 0 && value <= 4294967295.0) || value != static_cast<double>(static_cast<std::uint32_t>(value)))
    refuse(given.Env(), key, "a whole number of 32 bits");
  return static_cast<std::uint32_t>(value);
}

}  // namespace

CodesSpec codes_of(Napi::Object given) {
  CodesSpec spec;
  spec.dtype = dtype_of(given, "dtype");
  spec.kind = one_of(given, "kind", kKinds);
  spec.seed = word_of(given, "seed");
  spec.stream = word_of(given, "stream");
  spec.hidden = integer_of(given, "hidden", 1, 1 << 20);
  spec.row = integer_of(given, "row", 0, 1 << 30);
  return spec;
}

int rows_of(Napi::Object given) { return integer_of(given, "rows", 1, 1 << 20); }

std::size_t codes_bytes(const CodesSpec& spec, int rows) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(spec.hidden) * size_of(spec.dtype);
}

}  // namespace arfuse::binding
