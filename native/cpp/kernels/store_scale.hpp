#pragma once

#include "norm_params.hpp"

namespace arfuse {

/** Stores the FP8 scale of a group of a row where the layout has it. */
ARFUSE_HD void store_scale(const QuantStep& quant, std::int64_t rows, std::int64_t row, std::int64_t group,
                           std::int64_t groups, float scale) {
  const std::int64_t at = quant.layout == ScaleLayout::column_major ? group * rows + row : row * groups + group;
  if (quant.scale_dtype == ScaleDtype::f32) {
    static_cast<std::uint32_t*>(quant.scale_out)[at] = F32::encode(scale);
    return;
  }
  const bool packed = quant.layout == ScaleLayout::column_major_packed;
  static_cast<std::uint8_t*>(quant.scale_out)[packed ? packed_scale_offset(row, group, rows) : at] = Ue8m0::encode_up(scale);
}

/** Stores the NVFP4 scale of a block of a row. */
ARFUSE_HD void store_block_scale(const QuantStep& quant, std::int64_t row, std::int64_t block, std::int64_t blocks,
                                 E4m3::Code scale) {
  const bool swizzled = quant.layout == ScaleLayout::swizzled_128x4;
  static_cast<std::uint8_t*>(quant.scale_out)[swizzled ? swizzled_scale_offset(row, block, blocks) : row * blocks + block] =
      scale;
}

}  // namespace arfuse
