#pragma once

#include <napi.h>

#include <string>

#include "../kernels/norm_params.hpp"

namespace arfuse::binding {

Dtype dtype_of(Napi::Object object, const char* key);

/** Address of a buffer argument that must hold so many bytes: of a typed array, or of device memory. */
using BufferReader = void* (*)(Napi::Value value, const std::string& name, std::size_t bytes);

/**
 * Reads the launch of a norm. Each buffer is checked for the bytes that the launch reads or writes.
 * @throws Napi::TypeError that names the member
 */
NormParams norm_arguments(Napi::Object given, Dtype dtype, BufferReader buffer);

}  // namespace arfuse::binding
