// For points of one set the nearest of another.
#ifndef GRAMIAN_GEOMETRY_NEAREST_ROWS_H_
#define GRAMIAN_GEOMETRY_NEAREST_ROWS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"

namespace gramian {

// For each row of `queries` (m x k) the index of the row of `points` (n x k, n >= 1) at the least
// Euclidean distance; of equal ones the smallest index. Exact but for the rounding of
// |p|^2 - 2 p . q. 2 m n k flops in tiles, nothing m x n. CANCELLED. Bit-identical whatever the
// threads.
absl::StatusOr<std::vector<int32_t>> NearestRows(const ComputeContext& context,
                                                 const Matrix& points, const Matrix& queries);

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_NEAREST_ROWS_H_
