#pragma once

#include <napi.h>

namespace arfuse::binding {

/**
 * What conformance checks on a device with: `codes(spec, out)` on the host, and in an addon with kernels `prepareCodes`,
 * `prepareComparison` and `prepareUniform`.
 */
Napi::Object check_functions(Napi::Env env);

}  // namespace arfuse::binding
