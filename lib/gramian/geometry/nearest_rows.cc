#include "gramian/geometry/nearest_rows.h"

#include <algorithm>
#include <limits>

#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"

namespace gramian {

absl::StatusOr<std::vector<int32_t>> NearestRows(const ComputeContext& context,
                                                 const Matrix& points, const Matrix& queries) {
  constexpr Index kTile = 256;
  const Index n = points.rows();
  const Index m = queries.rows();
  const Index k = points.cols();
  const Vector norms = points.rowwise().squaredNorm();
  std::vector<int32_t> nearest(static_cast<size_t>(m), 0);
  const auto search_block = [&](int64_t block) -> absl::Status {
    const Index first = block * kTile;
    const Index count = std::min(kTile, m - first);
    Vector best = Vector::Constant(count, std::numeric_limits<double>::infinity());
    Matrix tile(count, kTile);
    for (Index point = 0; point < n; point += kTile) {
      GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
      const Index points_here = std::min(kTile, n - point);
      Gemm(Transpose::kNo, Transpose::kYes, count, points_here, k, -2.0, queries.data() + first * k,
           k, points.data() + point * k, k, 0.0, tile.data(), kTile);
      for (Index i = 0; i < count; ++i) {
        for (Index j = 0; j < points_here; ++j) {
          const double distance = tile(i, j) + norms[point + j];
          if (distance >= best[i]) continue;
          best[i] = distance;
          nearest[static_cast<size_t>(first + i)] = static_cast<int32_t>(point + j);
        }
      }
    }
    return absl::OkStatus();
  };
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, (m + kTile - 1) / kTile, search_block));
  return nearest;
}

}  // namespace gramian
