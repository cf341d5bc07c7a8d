#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "norm_geometry.hpp"

namespace arfuse {

/** What follows the norm of a row. */
enum class RowTail { none, fp8_static, fp8_token, fp8_group };

/** What a kernel of rows is compiled for: vectors of eight elements per thread, and leaves of the tree over its threads. */
struct NormRowShape {
  int vectors;
  int leaves;

  constexpr bool operator==(const NormRowShape& other) const { return vectors == other.vectors && leaves == other.leaves; }
};

// Shapes that `norm_row_geometry` picks, and no others: each is compiled for dtypes, tails and gains. Wider rows go to `norm_kernel`.
constexpr NormRowShape kNormRowShapes[] = {{1, 256}, {2, 256}, {2, 512}, {4, 128}, {4, 256}, {4, 512}};
/** The same for rows that are quantised in groups: each vector has a scale, so that more vectors of a thread only wait longer. */
constexpr NormRowShape kNormGroupShapes[] = {{1, 256}, {1, 512}, {1, 1024}, {2, 256}, {2, 512}, {2, 1024}};

/** Shape of a launch of rows that threads share evenly. Results do not depend on it: lanes are added in the same tree. */
struct NormRowGeometry {
  NormRowShape shape;
  /** Threads that hold elements; a block does one row. */
  int workers;
  /** Threads of a block, whole warps. */
  int threads;
  /** Shared memory of a block. */
  int shared_bytes;
};

/** Rows up to which every row has a multiprocessor nearly to itself: then more threads of it hide more of the latency. */
constexpr int kFewRows = 256;

/** Rows beyond which they come in waves: then shorter blocks, of two vectors per thread, fill the gaps between them better. */
constexpr int kOneWave = 512;

/** Vectors per thread of a row, as measured; see docs/performance.md. */
constexpr int wanted_vectors(RowTail tail, int lanes, int rows) {
  if (tail == RowTail::fp8_group) return rows > kOneWave && lanes <= 512 ? 1 : 2;
  return rows > kFewRows && rows <= kOneWave ? 4 : 2;
}

/** Fewest threads that are worth fewer vectors of each. */
constexpr int least_workers(int rows) { return rows <= kFewRows ? 128 : 64; }

/** The shape that holds `hidden` elements with `vectors` vectors per thread; none where none is compiled or divides them. */
template <std::size_t kShapes>
std::optional<NormRowGeometry> norm_row_geometry_of(const NormRowShape (&shapes)[kShapes], int hidden, int vectors) {
  const int lanes = hidden / kLane;
  if (lanes % vectors != 0) return std::nullopt;
  const int workers = lanes / vectors;
  for (const NormRowShape& shape : shapes)
    if (shape.vectors == vectors && workers <= shape.leaves)
      return NormRowGeometry{shape, workers, whole_warps(workers), (shape.leaves + kSpareWords) * static_cast<int>(sizeof(float))};
  return std::nullopt;
}

/**
 * Geometry for `rows` rows of `hidden` elements, in groups of `lanes_per_group` lanes; none where no kernel divides them, or where
 * lanes of the tensor are more than 32 bits count.
 */
inline std::optional<NormRowGeometry> norm_row_geometry(int hidden, int lanes_per_group, int rows, RowTail tail) {
  const int lanes = hidden / kLane;
  if (static_cast<std::int64_t>(rows) * lanes > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  const int wanted = wanted_vectors(tail, lanes, rows);
  if (tail == RowTail::fp8_group) {
    const auto found = norm_row_geometry_of(kNormGroupShapes, hidden, wanted);
    // A group's lanes must be neighbours in one warp.
    if (found && lanes_per_group > 0 && found->workers % lanes_per_group == 0) return found;
    return norm_row_geometry_of(kNormGroupShapes, hidden, 1);
  }
  for (int vectors = wanted; vectors > 0; vectors /= 2) {
    const auto found = norm_row_geometry_of(kNormRowShapes, hidden, vectors);
    if (found && (found->workers >= least_workers(rows) || vectors == 1)) return found;
  }
  return norm_row_geometry_of(kNormRowShapes, hidden, 4);
}

}  // namespace arfuse
