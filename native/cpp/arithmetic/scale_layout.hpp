#pragma once

#include "host_device.hpp"

namespace arfuse {

/**
 * Byte of a group's UE8M0 code in the packed layout: four groups per little-endian word, words column-major with rows padded
 * to a multiple of 4. Source: FlashInfer 0.7.2, `trtllm_allreduce_fusion.cuh` (per-token-group pattern).
 */
ARFUSE_HD std::int64_t packed_scale_offset(std::int64_t row, std::int64_t group, std::int64_t rows) {
  const std::int64_t padded = (rows + 3) / 4 * 4;
  return 4 * (group / 4 * padded + row) + group % 4;
}

ARFUSE_HD std::int64_t packed_scale_bytes(std::int64_t rows, std::int64_t groups) {
  const std::int64_t padded = (rows + 3) / 4 * 4;
  return 4 * (rows + ((groups + 3) / 4 - 1) * padded);
}

/** Byte of a block's scale in the tile order of the block-scaled tensor cores: rows padded to 128, blocks to 4. */
ARFUSE_HD std::int64_t swizzled_scale_offset(std::int64_t row, std::int64_t block, std::int64_t blocks) {
  const std::int64_t columns = (blocks + 3) / 4;
  return row / 128 * columns * 512 + block / 4 * 512 + row % 32 * 16 + row % 128 / 32 * 4 + block % 4;
}

ARFUSE_HD std::int64_t swizzled_scale_bytes(std::int64_t rows, std::int64_t blocks) {
  return (rows + 127) / 128 * 128 * ((blocks + 3) / 4 * 4);
}

}  // namespace arfuse
