#pragma once

#include <cstdint>

namespace arfuse {

/** How ranks add up a tensor: each all of it, or its slice of it, which the others then read. */
enum class Shot : std::int32_t { one = 0, two = 1 };

}  // namespace arfuse
