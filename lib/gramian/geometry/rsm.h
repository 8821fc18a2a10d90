// Representational similarity matrices in full: for operators that are shown, and for kernels
// without finite features.
#ifndef GRAMIAN_GEOMETRY_RSM_H_
#define GRAMIAN_GEOMETRY_RSM_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/geometry/kernel.h"
#include "gramian/representation/representation.h"

namespace gramian {

// sigma of a kernel that has a bandwidth, by its rule; 0 for one that has none. O(n^2 d) time
// unless the rule is fixed; memory O(n) beyond a bounded buffer. FAILED_PRECONDITION if the rule
// gives 0 (half of all pairs of inputs coincide).
absl::StatusOr<double> ComputeBandwidth(const ComputeContext& context, const Representation& layer,
                                        const KernelSpec& kernel);

// The symmetric n x n matrix K of `kernel` (see KernelKind; kDistance is -|x_i - x_j|^e), sigma
// from ComputeBandwidth, in double. Coinciding inputs have distance exactly 0. n^2 d flops, n^2
// doubles: RESOURCE_EXHAUSTED if they do not fit in scratch.
absl::StatusOr<Matrix> ComputeRsm(const ComputeContext& context, const Representation& layer,
                                  const KernelSpec& kernel, double sigma);

// S~ = H K H of the same matrix, from centred features where the kernel has them, so that large
// means cost no digits.
absl::StatusOr<Matrix> ComputeCenteredRsm(const ComputeContext& context,
                                          const Representation& layer, const KernelSpec& kernel,
                                          double sigma);

// Replaces a symmetric K by H K H, H = I - 11'/n: K_ij - mean_i - mean_j + mean. Rows of the result
// sum to 0. O(n^2).
void DoubleCenter(Matrix& rsm);

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_RSM_H_
