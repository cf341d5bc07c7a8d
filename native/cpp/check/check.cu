#include "check.hpp"
#include "code_write.cuh"
#include "distance.hpp"

namespace arfuse {
namespace {

constexpr int kThreads = 256;
constexpr int kMostBlocks = 1056;

int blocks_for(std::int64_t items) {
  const std::int64_t blocks = (items + kThreads - 1) / kThreads;
  return static_cast<int>(blocks < 1 ? 1 : blocks < kMostBlocks ? blocks : kMostBlocks);
}

__global__ void __launch_bounds__(kThreads) codes_kernel(CodesSpec spec, std::int64_t count, void* out) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; at < count; at += stride)
    write_code(spec, at, out);
}

/** Bits of a code. */
__device__ int width_of(CodeFormat format) {
  if (format == CodeFormat::f32) return 32;
  if (format == CodeFormat::bf16 || format == CodeFormat::f16) return 16;
  return format == CodeFormat::e2m1 ? 4 : 8;
}

__device__ void note(const ComparisonParams& params, std::uint32_t x, std::uint32_t y, bool poisoned, std::int64_t at,
                     std::int64_t rows) {
  Findings& findings = *params.findings;
  const auto inverse = ~static_cast<unsigned int>(at);
  atomicAdd(&findings.different, 1u);
  const float a = decoded(params.format, x);
  const float b = decoded(params.format, y);
  std::uint32_t ulps = ulps_between(params.format, x, y);
  if (ulps > 1 && params.scaled.found != nullptr) {
    const float scale_a = scale_of(params.scaled, params.scaled.found, at, rows);
    const float scale_b = scale_of(params.scaled, params.scaled.expected, at, rows);
    if (scale_a != scale_b) ulps = scaled_steps(params.format, a, b, scale_a, scale_b);
  }
  // A step from what is expected, the poison is a result as good as its neighbour.
  if (poisoned && ulps > 1) {
    atomicAdd(&findings.unwritten, 1u);
    atomicMax(&findings.first_unwritten, inverse);
    return;
  }
  if (is_nan(b) && !is_nan(a)) {
    atomicAdd(&findings.lost_nan, 1u);
    atomicMax(&findings.first_lost_nan, inverse);
    return;
  }
  atomicAdd(&findings.histogram[ulp_class(ulps)], 1u);
  if (ulps > 0) atomicMax(&findings.worst, static_cast<unsigned long long>(ulps) << 32 | inverse);
}

/** One 32-bit word of codes. */
__device__ void compare_word(const ComparisonParams& params, std::uint32_t x, std::uint32_t y, std::int64_t word,
                             std::int64_t codes, std::int64_t rows) {
  if (x == y) return;
  const int width = width_of(params.format);
  const std::uint32_t mask = width == 32 ? 0xffffffffu : (1u << width) - 1u;
  const std::uint32_t poison = params.poison * 0x01010101u;
  for (int bit = 0; bit < 32; bit += width) {
    const std::int64_t at = word * (32 / width) + bit / width;
    const std::uint32_t a = x >> bit & mask;
    const std::uint32_t b = y >> bit & mask;
    if (at >= codes || a == b) continue;
    // Two packed elements are unwritten together.
    const int whole = width == 4 ? bit / 8 * 8 : bit;
    const std::uint32_t reach = width == 4 ? 0xffu : mask;
    note(params, a, b, (x >> whole & reach) == (poison & reach), at, rows);
  }
}

__global__ void __launch_bounds__(kThreads) comparison_kernel(ComparisonParams params, std::int64_t codes) {
  const auto* found = static_cast<const std::uint32_t*>(params.found);
  const auto* expected = static_cast<const std::uint32_t*>(params.expected);
  const int width = width_of(params.format);
  const std::int64_t bytes = (codes * width + 7) / 8;
  const std::int64_t vectors = bytes / 16;
  const std::int64_t rows = codes / params.scaled.hidden;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  for (std::int64_t at = first; at < vectors; at += stride) {
    const uint4 x = reinterpret_cast<const uint4*>(found)[at];
    const uint4 y = reinterpret_cast<const uint4*>(expected)[at];
    if (x.x == y.x && x.y == y.y && x.z == y.z && x.w == y.w) continue;
    compare_word(params, x.x, y.x, 4 * at, codes, rows);
    compare_word(params, x.y, y.y, 4 * at + 1, codes, rows);
    compare_word(params, x.z, y.z, 4 * at + 2, codes, rows);
    compare_word(params, x.w, y.w, 4 * at + 3, codes, rows);
  }
  // What is left of less than a vector is read byte by byte: memory may end there.
  for (std::int64_t word = 4 * vectors + first; 4 * word < bytes; word += stride) {
    std::uint32_t x = 0;
    std::uint32_t y = 0;
    for (std::int64_t byte = 4 * word; byte < bytes && byte < 4 * word + 4; ++byte) {
      x |= static_cast<std::uint32_t>(static_cast<const unsigned char*>(params.found)[byte]) << 8 * (byte % 4);
      y |= static_cast<std::uint32_t>(static_cast<const unsigned char*>(params.expected)[byte]) << 8 * (byte % 4);
    }
    compare_word(params, x, y, word, codes, rows);
  }
}

__global__ void __launch_bounds__(kThreads) uniform_kernel(UniformParams params, std::int64_t count) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  const auto begin = reinterpret_cast<std::uintptr_t>(params.bytes);
  const std::uintptr_t end = begin + static_cast<std::uintptr_t>(count);
  const std::uint32_t pattern = params.byte * 0x01010101u;
  const std::uintptr_t base = begin / 16 * 16;
  const auto vectors = static_cast<std::int64_t>((end - base + 15) / 16);
  for (std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; at < vectors; at += stride) {
    const std::uintptr_t from = base + static_cast<std::uintptr_t>(at) * 16;
    if (from >= begin && from + 16 <= end) {
      const uint4 x = *reinterpret_cast<const uint4*>(from);
      if (x.x == pattern && x.y == pattern && x.z == pattern && x.w == pattern) continue;
    }
    for (std::uintptr_t byte = from; byte < from + 16; ++byte) {
      if (byte < begin || byte >= end || *reinterpret_cast<const unsigned char*>(byte) == params.byte) continue;
      atomicAdd(&params.findings->different, 1u);
      atomicMax(&params.findings->worst, 1ull << 32 | ~static_cast<unsigned int>(byte - begin));
    }
  }
}

}  // namespace

cudaError_t launch_codes(const CodesSpec& spec, int rows, void* out, cudaStream_t stream) {
  const std::int64_t count = static_cast<std::int64_t>(rows) * spec.hidden;
  codes_kernel<<<blocks_for(count), kThreads, 0, stream>>>(spec, count, out);
  return cudaGetLastError();
}

cudaError_t launch_comparison(const ComparisonParams& params, int codes, cudaStream_t stream) {
  comparison_kernel<<<blocks_for(codes / 4), kThreads, 0, stream>>>(params, codes);
  return cudaGetLastError();
}

cudaError_t launch_uniform(const UniformParams& params, int count, cudaStream_t stream) {
  uniform_kernel<<<blocks_for(count / 16), kThreads, 0, stream>>>(params, count);
  return cudaGetLastError();
}

cudaError_t load_check_kernels() {
  cudaFuncAttributes attributes{};
  for (const void* kernel : {reinterpret_cast<const void*>(codes_kernel), reinterpret_cast<const void*>(comparison_kernel),
                             reinterpret_cast<const void*>(uniform_kernel)})
    if (const cudaError_t error = cudaFuncGetAttributes(&attributes, kernel); error != cudaSuccess) return error;
  return cudaSuccess;
}

}  // namespace arfuse
