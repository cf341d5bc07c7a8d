#pragma once

#include <napi.h>

#include "../launch/exchange_geometry.hpp"

namespace arfuse::binding {

/** Bytes of the largest tensor that a workspace is laid out for. */
std::size_t tensor_bytes_of(Napi::Object object, const char* key);

Shot shot_of(Napi::Object given);

/** Ranks of an exchange: 2, 4, 6 or 8. */
int ranks_of(Napi::Object given);

/** Bytes of a row of `hidden` elements of `dtype`: whole vectors. */
std::size_t row_bytes_of(Napi::Object given);

/** Most blocks of a rank, by `ranksPerDevice` and the multiprocessors of a device. */
int most_blocks_of(Napi::Object given, int ranks, int multiprocessors);

/** `oneShotBytes` and `twoShotBytes` of a group of `ranks`. */
ExchangeLayout layout_of(Napi::Object given, int ranks);

/** The pure functions of exchanges, which need no CUDA. */
Napi::Object exchange_functions(Napi::Env env);

}  // namespace arfuse::binding
