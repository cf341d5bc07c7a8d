#pragma once

#include <napi.h>

#include "../check/codes.hpp"

namespace arfuse::binding {

/** A spec of made-up codes. */
CodesSpec codes_of(Napi::Object given);

/** Rows of a spec. */
int rows_of(Napi::Object given);

std::size_t codes_bytes(const CodesSpec& spec, int rows);

}  // namespace arfuse::binding
