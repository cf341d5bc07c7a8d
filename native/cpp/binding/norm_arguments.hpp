#pragma once

#include <napi.h>

#include "../kernels/norm_params.hpp"

namespace arfuse::binding {

/** Bytes of one element. */
std::size_t size_of(Dtype dtype);

Dtype dtype_of(Napi::Object object, const char* key);

/**
 * Reads the launch of a norm. Buffers are typed arrays; each is checked for the bytes that the launch reads or writes.
 * @throws Napi::TypeError that names the member
 */
NormParams norm_arguments(Napi::Object given, Dtype dtype);

}  // namespace arfuse::binding
