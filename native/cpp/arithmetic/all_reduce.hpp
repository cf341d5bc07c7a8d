#pragma once

#include "formats.hpp"

namespace arfuse {

/**
 * The sum of one element over the ranks 0 … N-1, in that order, in float32. `rounds` rounds the running sum to the
 * activation dtype after every rank.
 *
 * @param load - element of a rank as float32
 */
template <typename T, typename Load>
ARFUSE_HD float sum_in_rank_order(int ranks, bool rounds, Load load) {
  float total = load(0);
  for (int rank = 1; rank < ranks; ++rank) {
    const float sum = add(total, load(rank));
    total = rounds ? T::round(sum) : sum;
  }
  return total;
}

}  // namespace arfuse
