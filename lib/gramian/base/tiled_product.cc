#include "gramian/base/tiled_product.h"

#include <algorithm>
#include <cmath>

#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

// What a core does in about 10 ms.
constexpr double kTileFlops = 4.0e8;
// Smaller tiles cost more than they save.
constexpr Index kLeastTile = 64;

// Rows and columns of a tile of products of k terms.
Index TileOrder(Index k) {
  const double order = std::sqrt(kTileFlops / (2.0 * static_cast<double>(std::max<Index>(k, 1))));
  return std::max(kLeastTile, static_cast<Index>(order) / kLeastTile * kLeastTile);
}

// Where row (or column) `index` of op(A) begins.
const double* Begin(const Matrix& a, Transpose op, Index row, Index col) {
  return op == Transpose::kNo ? a.data() + row * a.cols() + col : a.data() + col * a.cols() + row;
}

}  // namespace

absl::StatusOr<Matrix> Product(const ComputeContext& context, const Matrix& a, Transpose a_op,
                               const Matrix& b, Transpose b_op) {
  const Index m = a_op == Transpose::kNo ? a.rows() : a.cols();
  const Index k = a_op == Transpose::kNo ? a.cols() : a.rows();
  const Index n = b_op == Transpose::kNo ? b.cols() : b.rows();
  GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
  const Index tile = TileOrder(k);
  if (k == 0 || (m <= tile && n <= tile)) return Product(a, a_op, b, b_op);
  Matrix c(m, n);
  const Index tile_cols = (n + tile - 1) / tile;
  const Index tile_rows = (m + tile - 1) / tile;
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, tile_rows * tile_cols, [&](int64_t index) {
    const Index row = index / tile_cols * tile;
    const Index col = index % tile_cols * tile;
    Gemm(a_op, b_op, std::min(tile, m - row), std::min(tile, n - col), k, 1.0,
         Begin(a, a_op, row, 0), a.cols(), Begin(b, b_op, 0, col), b.cols(), 0.0, &c(row, col), n);
    return absl::OkStatus();
  }));
  return c;
}

}  // namespace gramian
