#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "../arithmetic/formats.hpp"
#include "nccl_api.hpp"

namespace arfuse::nccl {

/**
 * What a rank gives to a rehearsal and what it must get back. In turn, one rank gives a value whose neighbours are 2 apart and
 * every other rank gives 1: a sum that is rounded at every hop loses each 1 that comes after it, a sum in f32 loses none. So
 * the results of a 16-bit dtype tell by which kernels NCCL added, which its functions do not say.
 */
class Score {
 public:
  Score(DataType type, std::size_t count, int rank, int size)
      : type_(type), elements_(std::min<std::size_t>(count, kElements)), rank_(rank), size_(size) {}

  std::size_t element_bytes() const { return type_ == DataType::float32 ? 4 : 2; }

  std::vector<std::byte> input() const {
    std::vector<std::byte> codes(elements_ * element_bytes());
    for (std::size_t i = 0; i < elements_; ++i) {
      const bool own = i % static_cast<std::size_t>(size_) == static_cast<std::size_t>(rank_);
      const std::uint32_t code = encode(own ? large() : 1.0f);
      // Hosts of NVIDIA's GPUs are little-endian.
      std::memcpy(codes.data() + i * element_bytes(), &code, element_bytes());
    }
    return codes;
  }

  /** What is wrong with the results; empty when nothing is. */
  std::string fault(const std::vector<std::byte>& codes, bool windowed) const {
    const auto exact = encode(large() + static_cast<float>(size_ - 1));
    for (std::size_t i = 0; i < elements_; ++i) {
      std::uint32_t code = 0;
      std::memcpy(&code, codes.data() + i * element_bytes(), element_bytes());
      const float value = decode(code);
      if (!(value >= large() && value <= large() + 2.0f * static_cast<float>(size_)))
        return "ncclAllReduce gave " + std::to_string(value) + " as the sum of " + std::to_string(large()) + " and " +
               std::to_string(size_ - 1) + " ones";
      if (windowed && type_ != DataType::float32 && code != exact)
        return "NCCL did not add by its kernels for symmetric windows: sums over them are rounded at every hop, not once";
    }
    return {};
  }

 private:
  /** Enough for every rank to come first, and for several threads. */
  static constexpr std::size_t kElements = 4096;

  float large() const { return type_ == DataType::float32 ? 16777216.0f : type_ == DataType::float16 ? 2048.0f : 256.0f; }

  std::uint32_t encode(float value) const {
    if (type_ == DataType::float32) return bits_of(value);
    return type_ == DataType::float16 ? SoftF16::encode(value) : SoftBf16::encode(value);
  }

  float decode(std::uint32_t code) const {
    if (type_ == DataType::float32) return float_of(code);
    const auto half = static_cast<std::uint16_t>(code);
    return type_ == DataType::float16 ? SoftF16::decode(half) : SoftBf16::decode(half);
  }

  DataType type_;
  std::size_t elements_;
  int rank_;
  int size_;
};

}  // namespace arfuse::nccl
