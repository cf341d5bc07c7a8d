#pragma once

#include "../arithmetic/all_reduce.hpp"
#include "../kernels/vector.cuh"

namespace arfuse {

/** Element `i` of 16 bytes, as float32. */
template <typename T>
__device__ __forceinline__ float element_of(const uint4& packed, int i) {
  const unsigned word[4] = {packed.x, packed.y, packed.z, packed.w};
  if constexpr (sizeof(typename T::Code) == 4) return T::decode(word[i]);
  else return T::decode(static_cast<typename T::Code>(word[i / 2] >> (i % 2 * 16)));
}

/** 16 bytes of `T::encode` of each element. */
template <typename T, typename Element>
__device__ __forceinline__ uint4 pack(Element element) {
  unsigned word[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if constexpr (sizeof(typename T::Code) == 4) word[i] = T::encode(element(i));
    else word[i] = encode_pair<T>(element(2 * i), element(2 * i + 1));
  }
  return make_uint4(word[0], word[1], word[2], word[3]);
}

/** Elementwise sum of every rank's vector, in rank order, rounded once. */
template <typename T, int kRanks>
__device__ __forceinline__ uint4 vector_sum(const uint4 (&of_rank)[kRanks]) {
  return pack<T>([&](int i) {
    return sum_in_rank_order<T>(kRanks, false, [&](int rank) { return element_of<T>(of_rank[rank], i); });
  });
}

}  // namespace arfuse
