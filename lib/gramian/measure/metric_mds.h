// Metric multidimensional scaling: points of a low-dimensional picture whose distances come near
// given ones.
#ifndef GRAMIAN_MEASURE_METRIC_MDS_H_
#define GRAMIAN_MEASURE_METRIC_MDS_H_

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"

namespace gramian {

// A picture of K points.
struct MdsEmbedding {
  // K x r, mean 0, along its principal directions, each column's entry of largest size positive.
  Matrix coordinates;
  // Kruskal's stress-1: sqrt(sum_(i < j) (d_ij - e_ij)^2 / sum_(i < j) d_ij^2), d given, e of the
  // picture. 0 is exact.
  double stress = 0.0;
  int iterations = 0;
};

// Of `distances`, K x K, symmetric, >= 0, with zero diagonal, in `dimensions` >= 1 dimensions (K-1
// suffice; more are filled with 0). Starts from classical scaling (Torgerson 1952) and majorises
// (SMACOF, de Leeuw 1977) until stress falls by less than 64 eps of the distances' norm, at most
// 1000 times: deterministic, and never worse than classical scaling. K^2 r flops an iteration, 9
// K^3 for the start, 5 K^2 doubles of scratch. CANCELLED; RESOURCE_EXHAUSTED; INTERNAL if LAPACK
// does not converge.
absl::StatusOr<MdsEmbedding> EmbedMetric(const ComputeContext& context, const Matrix& distances,
                                         Index dimensions);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_METRIC_MDS_H_
