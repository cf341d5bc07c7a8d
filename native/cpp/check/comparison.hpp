#pragma once

#include "../kernels/norm_params.hpp"

namespace arfuse {

/** Formats of codes that are compared. */
enum class CodeFormat : std::int32_t { bf16 = 0, f16 = 1, f32 = 2, e4m3 = 3, e2m1 = 4, ue8m0 = 5, byte = 6 };

constexpr int kUlpClasses = 8;

/** What a comparison adds up; zeroed before it. */
struct Findings {
  /** The largest distance in ULP, and below it the bit inverse of its first code. */
  unsigned long long worst;
  unsigned int different;
  unsigned int unwritten;
  unsigned int lost_nan;
  /** Bit inverses of the first codes of their kind. */
  unsigned int first_unwritten;
  unsigned int first_lost_nan;
  unsigned int histogram[kUlpClasses];
  unsigned int unused;
};
static_assert(sizeof(Findings) == 64, "JavaScript reads it");

/** Quantised elements are read with their scales, where those differ. */
struct ScaledCodesParams {
  const void* found = nullptr;
  const void* expected = nullptr;
  ScaleDtype dtype = ScaleDtype::none;
  ScaleLayout layout = ScaleLayout::none;
  std::int32_t hidden = 1;
  std::int32_t group = 1;
};

struct ComparisonParams {
  const void* found = nullptr;
  const void* expected = nullptr;
  Findings* findings = nullptr;
  CodeFormat format = CodeFormat::byte;
  /** Byte of memory that nothing has written. */
  unsigned char poison = 0;
  ScaledCodesParams scaled;
};

/** Bytes that should all be one. */
struct UniformParams {
  const unsigned char* bytes = nullptr;
  Findings* findings = nullptr;
  unsigned char byte = 0;
};

}  // namespace arfuse
