// Alignments of many permutations of a pair of layers: products of two matrices that a permutation
// only indexes.
#ifndef GRAMIAN_MEASURE_PERMUTED_ALIGNMENT_H_
#define GRAMIAN_MEASURE_PERMUTED_ALIGNMENT_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/geometry/kernel.h"
#include "gramian/measure/alignment.h"
#include "gramian/measure/measure.h"
#include "gramian/measure/operand.h"

namespace gramian {

// Most inputs of which whole n x n matrices are held for permutations: 128 MiB each.
inline constexpr int64_t kMaxIndexedInputs = 4096;

// For layers a, b over the same n inputs, whose alignment has status kOk:
//
//   cross(p) = sum_ij A_ij B_p(i)p(j),   A, B = the centred RSMs as the estimator centres them:
//   doubly (biased), U-centred (debiased), doubly and with the diagonal 0 (zero diagonal)
//
// The self terms |A|^2 and |B|^2 stay. `score` makes a score of the alignment. Null for fused
// networks and for more than kMaxIndexedInputs inputs, which have cheaper forms. n^2 d flops per
// layer and 16 n^2 bytes once, n^2 for each permutation. Errors: RESOURCE_EXHAUSTED; CANCELLED.
absl::StatusOr<std::unique_ptr<const PermutedScores>> PermuteAlignment(
    const ComputeContext& context, const Operand& a, const Operand& b, const KernelSpec& kernel,
    Estimator estimator, std::function<Score(const Alignment&)> score);

// The same for the t-th powers of the doubly centred RSMs, t > 0: A = U diag(lambda^t) U' with
// lambda relative to the largest. 2 n^2 r flops per layer once, and the eigenpairs unless cached.
absl::StatusOr<std::unique_ptr<const PermutedScores>> PermutePowerAlignment(
    const ComputeContext& context, const Operand& a, const Operand& b, const KernelSpec& kernel,
    double t, std::function<Score(const Alignment&)> score);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_PERMUTED_ALIGNMENT_H_
