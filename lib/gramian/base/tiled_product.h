// Products of large matrices: in parallel, and stoppable.
#ifndef GRAMIAN_BASE_TILED_PRODUCT_H_
#define GRAMIAN_BASE_TILED_PRODUCT_H_

#include "absl/status/statusor.h"
#include "gramian/base/blas.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"

namespace gramian {

// As Product(a, a_op, b, b_op), 2 m n k flops, for matrices that take longer than a tile of work:
// square tiles of the result run in context.arena, and the stop token is asked before each. Results
// depend on the matrices alone. CANCELLED.
absl::StatusOr<Matrix> Product(const ComputeContext& context, const Matrix& a, Transpose a_op,
                               const Matrix& b, Transpose b_op);

}  // namespace gramian

#endif  // GRAMIAN_BASE_TILED_PRODUCT_H_
