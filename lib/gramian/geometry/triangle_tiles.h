// The upper triangle of an n x n array, tile by tile: how RSMs are gone through without being held.
#ifndef GRAMIAN_GEOMETRY_TRIANGLE_TILES_H_
#define GRAMIAN_GEOMETRY_TRIANGLE_TILES_H_

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "gramian/base/compute.h"
#include "gramian/base/status_macros.h"

namespace gramian {

// Tile rows are dealt to so many lanes, whatever the threads: sums that are kept for each lane and
// added in order are bit-identical.
constexpr int64_t kLanes = 16;

struct TileRange {
  int64_t row;
  int64_t row_count;
  int64_t col;
  int64_t col_count;
  bool is_diagonal;
};

// Calls visit(range) for the tiles of one lane: tile rows lane, lane + kLanes, ... of the upper
// triangle. CANCELLED between two tiles.
template <typename Visit>
absl::Status ForEachTileOfLane(const ComputeContext& context, int64_t n, int64_t tile, int64_t lane,
                               const Visit& visit) {
  for (int64_t row = lane * tile; row < n; row += kLanes * tile) {
    for (int64_t col = row; col < n; col += tile) {
      GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
      visit(TileRange{row, std::min(tile, n - row), col, std::min(tile, n - col), row == col});
    }
  }
  return absl::OkStatus();
}

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_TRIANGLE_TILES_H_
