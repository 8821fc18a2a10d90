// Carries representations of one layer into the space of another.
#ifndef GRAMIAN_MEASURE_REPRESENTATION_TRANSFER_H_
#define GRAMIAN_MEASURE_REPRESENTATION_TRANSFER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"

namespace gramian {

enum class TransferKind {
  kOrthogonal,  // the best rotation or reflection (Procrustes): T'T = I or TT' = I, but for
                // directions that A'B does not reach, which go to 0
  kLinear,      // the best of all, of several the smallest
};

// "orthogonal", "linear".
const char* ToString(TransferKind kind);
// INVALID_ARGUMENT lists what there is.
absl::StatusOr<TransferKind> ParseTransferKind(absl::string_view text);

// The T (d_a x d_b) with the least |A T - B|, row i of A (m x d_a) and B (m x d_b), as they are,
// belonging together. Linear: directions of A whose singular value is below 1.5e-8 sqrt(d_a) of the
// largest are left out; 2 m d_a (d_a + d_b) + 9 d_a^3 flops. Orthogonal: the same with singular
// values of A'B below eps max(d_a, d_b) of the largest; 2 m d_a d_b flops, and a singular value
// decomposition of A'B in one piece. CANCELLED; RESOURCE_EXHAUSTED; INTERNAL if
// LAPACK does not converge.
absl::StatusOr<Matrix> FitTransfer(const ComputeContext& context, const Matrix& a, const Matrix& b,
                                   TransferKind kind);

// The mean over i of 1 / r_i, r_i being the place of row i of `truth` among all of its rows by
// falling cosine with row i of `answers` (both m x d): 1 if every answer finds its truth, (1 + 1/2
// + ... + 1/m) / m by chance. Ties count for the truth; a row of zeros has cosine 0. 2 m^2 d flops
// in tiles. CANCELLED.
absl::StatusOr<double> MeanReciprocalRank(const ComputeContext& context, const Matrix& answers,
                                          const Matrix& truth);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_REPRESENTATION_TRANSFER_H_
