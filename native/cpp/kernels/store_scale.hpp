#pragma once

#include "norm_params.hpp"

namespace arfuse {

// What pads a layout is zero, since matrix products read whole words and tiles of scales. Each byte of it belongs to the
// thread of one scale: behind the last group of a row to that group's, below the last row to the rows' above it.

ARFUSE_HD void store_packed_scale(std::uint8_t* out, std::int64_t rows, std::int64_t row, std::int64_t group,
                                  std::int64_t groups, Ue8m0::Code scale) {
  out[packed_scale_offset(row, group, rows)] = scale;
  if (group == groups - 1)
    for (std::int64_t behind = groups; behind % 4 != 0; ++behind) out[packed_scale_offset(row, behind, rows)] = 0;
  // The last column of words ends with the last row.
  if (row == rows - 1 && group / 4 < (groups - 1) / 4)
    for (std::int64_t below = rows; below % 4 != 0; ++below) out[packed_scale_offset(below, group, rows)] = 0;
}

ARFUSE_HD void store_swizzled_scale(std::uint8_t* out, std::int64_t rows, std::int64_t row, std::int64_t block,
                                    std::int64_t blocks, E4m3::Code scale) {
  const std::int64_t last = block == blocks - 1 ? (blocks + 3) / 4 * 4 : block + 1;
  out[swizzled_scale_offset(row, block, blocks)] = scale;
  for (std::int64_t behind = block + 1; behind < last; ++behind) out[swizzled_scale_offset(row, behind, blocks)] = 0;
  const std::int64_t padded = (rows + 127) / 128 * 128;
  for (std::int64_t below = rows + row; below < padded; below += rows)
    for (std::int64_t at = block; at < last; ++at) out[swizzled_scale_offset(below, at, blocks)] = 0;
}

/** Where a scale lies in a layout without padding. */
ARFUSE_HD std::int64_t plain_scale_offset(const QuantStep& quant, std::int64_t rows, std::int64_t row, std::int64_t group,
                                          std::int64_t groups) {
  return quant.layout == ScaleLayout::column_major ? group * rows + row : row * groups + group;
}

/** `store_scale` for a power of two; a function of its own, to keep it out of the way. */
ARFUSE_HD_CALL void store_scale_code(const QuantStep& quant, std::int64_t rows, std::int64_t row, std::int64_t group,
                                     std::int64_t groups, float scale) {
  auto* const out = static_cast<std::uint8_t*>(quant.scale_out);
  const Ue8m0::Code code = Ue8m0::encode_up(scale);
  if (quant.layout == ScaleLayout::column_major_packed) store_packed_scale(out, rows, row, group, groups, code);
  else out[plain_scale_offset(quant, rows, row, group, groups)] = code;
}

/** Stores the FP8 scale of a group of a row where the layout has it. */
ARFUSE_HD void store_scale(const QuantStep& quant, std::int64_t rows, std::int64_t row, std::int64_t group,
                           std::int64_t groups, float scale) {
  if (quant.scale_dtype == ScaleDtype::f32)
    static_cast<std::uint32_t*>(quant.scale_out)[plain_scale_offset(quant, rows, row, group, groups)] = F32::encode(scale);
  else
    store_scale_code(quant, rows, row, group, groups, scale);
}

/** Stores the NVFP4 scale of a block of a row. */
ARFUSE_HD void store_block_scale(const QuantStep& quant, std::int64_t rows, std::int64_t row, std::int64_t block,
                                 std::int64_t blocks, E4m3::Code scale) {
  auto* const out = static_cast<std::uint8_t*>(quant.scale_out);
  if (quant.layout == ScaleLayout::swizzled_128x4) store_swizzled_scale(out, rows, row, block, blocks, scale);
  else out[row * blocks + block] = scale;
}

}  // namespace arfuse
