// Sums over a pair of tiled RSMs of whatever kind: the loop behind SumRsmPair and SumRdmPair.
#ifndef GRAMIAN_GEOMETRY_RSM_PAIR_SUMS_H_
#define GRAMIAN_GEOMETRY_RSM_PAIR_SUMS_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/rsm_stream.h"
#include "gramian/geometry/triangle_tiles.h"

namespace gramian {

// What one lane of tile rows adds up.
struct LaneSums {
  double ab = 0.0;
  double aa = 0.0;
  double bb = 0.0;
  Vector a_rows;
  Vector b_rows;
};

// Adds the entries right of the diagonal; entries are taken relative to the shifts.
template <typename Scalar>
void AddTile(const TileRange& range, MatrixOf<Scalar>& a, Scalar a_shift, MatrixOf<Scalar>& b,
             Scalar b_shift, LaneSums& sums) {
  using Row = Eigen::Array<Scalar, 1, Eigen::Dynamic>;
  a.array() -= a_shift;
  b.array() -= b_shift;
  Row a_cols = Row::Zero(range.col_count);
  Row b_cols = Row::Zero(range.col_count);
  for (int64_t i = 0; i < range.row_count; ++i) {
    const int64_t skip = range.is_diagonal ? i + 1 : 0;
    const int64_t count = range.col_count - skip;
    if (count <= 0) break;
    const auto a_row = a.row(i).tail(count).array();
    const auto b_row = b.row(i).tail(count).array();
    sums.ab += static_cast<double>((a_row * b_row).sum());
    sums.aa += static_cast<double>(a_row.square().sum());
    sums.bb += static_cast<double>(b_row.square().sum());
    sums.a_rows[range.row + i] += static_cast<double>(a_row.sum());
    sums.b_rows[range.row + i] += static_cast<double>(b_row.sum());
    a_cols.tail(count) += a_row;
    b_cols.tail(count) += b_row;
  }
  sums.a_rows.segment(range.col, range.col_count) +=
      a_cols.matrix().template cast<double>().transpose();
  sums.b_rows.segment(range.col, range.col_count) +=
      b_cols.matrix().template cast<double>().transpose();
}

// The mean of the first tile off the diagonal: a constant near all entries.
template <typename Tiles>
typename Tiles::Scalar SampleShift(const Tiles& tiles) {
  using Scalar = typename Tiles::Scalar;
  const int64_t count = std::min(Tiles::kTile, tiles.rows());
  if (count < 2) return Scalar{0};
  MatrixOf<Scalar> tile;
  tiles.Tile(0, count, 0, count, tile);
  const Matrix wide = tile.template cast<double>();
  const auto entries = static_cast<double>(count * (count - 1));
  return static_cast<Scalar>((wide.sum() - wide.trace()) / entries);
}

template <typename Tiles>
Vector ShiftedDiagonal(const Tiles& tiles, typename Tiles::Scalar shift) {
  using Scalar = typename Tiles::Scalar;
  Vector diagonal(tiles.rows());
  MatrixOf<Scalar> entry;
  for (int64_t i = 0; i < tiles.rows(); ++i) {
    tiles.Tile(i, 1, i, 1, entry);
    diagonal[i] = static_cast<double>(entry(0, 0)) - static_cast<double>(shift);
  }
  return diagonal;
}

// Tiles has Scalar, kTile, rows() and Tile(row, row_count, col, col_count, tile); see SumRsmPair.
template <typename Tiles>
absl::StatusOr<RsmPairSums> SumTilePairs(const ComputeContext& context, const Tiles& a,
                                         const Tiles& b) {
  using Scalar = typename Tiles::Scalar;
  const int64_t n = a.rows();
  const Scalar a_shift = SampleShift(a);
  const Scalar b_shift = SampleShift(b);
  std::vector<LaneSums> lanes(static_cast<size_t>(kLanes));
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, kLanes, [&](int64_t lane) {
    LaneSums& sums = lanes[static_cast<size_t>(lane)];
    sums.a_rows = Vector::Zero(n);
    sums.b_rows = Vector::Zero(n);
    MatrixOf<Scalar> a_tile;
    MatrixOf<Scalar> b_tile;
    return ForEachTileOfLane(context, n, Tiles::kTile, lane, [&](const TileRange& range) {
      a.Tile(range.row, range.row_count, range.col, range.col_count, a_tile);
      b.Tile(range.row, range.row_count, range.col, range.col_count, b_tile);
      AddTile(range, a_tile, a_shift, b_tile, b_shift, sums);
    });
  }));
  RsmPairSums result;
  result.rows = n;
  result.a_shift = static_cast<double>(a_shift);
  result.b_shift = static_cast<double>(b_shift);
  result.a_rows = Vector::Zero(n);
  result.b_rows = Vector::Zero(n);
  for (const LaneSums& lane : lanes) {
    // Each unordered pair was seen once and stands for two entries.
    result.ab += 2.0 * lane.ab;
    result.aa += 2.0 * lane.aa;
    result.bb += 2.0 * lane.bb;
    result.a_rows += lane.a_rows;
    result.b_rows += lane.b_rows;
  }
  result.a_diagonal = ShiftedDiagonal(a, a_shift);
  result.b_diagonal = ShiftedDiagonal(b, b_shift);
  return result;
}

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_RSM_PAIR_SUMS_H_
