// Eigenpairs of large symmetric matrices: in parallel, and stoppable.
#ifndef GRAMIAN_BASE_SYMMETRIC_EIGEN_H_
#define GRAMIAN_BASE_SYMMETRIC_EIGEN_H_

#include "absl/status/statusor.h"
#include "gramian/base/blas.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"

namespace gramian {

// As EigenDecompose(symmetric), for matrices that take longer than a tile of work: LAPACK's own
// steps (reduction to tridiagonal form, divide and conquer, back-transformation), the first and the
// last of them cut into blocks between which the stop token is asked; updates of the reduction run
// in context.arena. Only divide and conquer, about a tenth of the work, runs in one piece. Results
// depend on the matrix alone.
//
// About 9 n^3 flops, 3 n^2 doubles of scratch. CANCELLED; INTERNAL if LAPACK does not converge.
absl::StatusOr<SymmetricEigen> EigenDecompose(const ComputeContext& context, Matrix symmetric);

}  // namespace gramian

#endif  // GRAMIAN_BASE_SYMMETRIC_EIGEN_H_
