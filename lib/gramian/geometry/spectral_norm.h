// The largest eigenvalue of a symmetric matrix by size.
#ifndef GRAMIAN_GEOMETRY_SPECTRAL_NORM_H_
#define GRAMIAN_GEOMETRY_SPECTRAL_NORM_H_

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"

namespace gramian {

// max |lambda| = |A|_2 of a symmetric n x n matrix, to about 1e-12 of itself: Lanczos with full
// reorthogonalisation from a fixed start, until the residual bounds the error. 2 n^2 flops for each
// of k steps (some tens), 8 n k bytes of scratch. CANCELLED; RESOURCE_EXHAUSTED. Bit-identical
// whatever the threads.
absl::StatusOr<double> SpectralNorm(const ComputeContext& context, const Matrix& symmetric);

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_SPECTRAL_NORM_H_
