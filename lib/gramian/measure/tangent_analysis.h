// The Frechet mean of points, and their principal components in the tangent space at it.
#ifndef GRAMIAN_MEASURE_TANGENT_ANALYSIS_H_
#define GRAMIAN_MEASURE_TANGENT_ANALYSIS_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/measure/point_set.h"

namespace gramian {

// The mean m minimises the sum of squared distances to the points. All of it follows from their
// inner products: m is a combination of the points, on the sphere of unit length.
struct TangentAnalysis {
  // kOk; the status of a score between the points; kAntipodalPoints if they are spread over the
  // sphere so far that no mean is found near all of them. Otherwise nothing below is meaningful.
  ScoreStatus status = ScoreStatus::kOk;
  Vector distances;       // K, from each point to m
  double variance = 0.0;  // mean of their squares
  // K x r: the logarithms of the points at m, along their r principal directions (rotated so that
  // every column's entry of largest size is positive). Not centred again: at m they are.
  Matrix coordinates;
  Vector shares;  // r, of the variance, falling; 0 for a variance of 0
};

// Of points[chosen[0]], ...: at least one. At most `directions` of them, and no more than there
// are.
//   sphere     m <- exp_m(mean of log_m(x_i)) until no cosine <m, x_i> changes, at most 1000 times
//   Euclidean  the arithmetic mean; then this is classical scaling (Torgerson)
// K^2 flops an iteration and 9 K^3 for the directions. Source: Fletcher et al. 2004 (principal
// geodesic analysis, linearised); Lange et al. 2022. CANCELLED; INTERNAL if LAPACK does not
// converge.
absl::StatusOr<TangentAnalysis> AnalyzeTangents(const ComputeContext& context,
                                                const PointSet& points,
                                                absl::Span<const Index> chosen, Index directions);

// Completes `result`, whose distances are given, with the variance and the principal directions of
// logarithms with these inner products (K x K). 9 K^3 flops.
absl::Status FindDirections(const ComputeContext& context, Matrix inner_products, Index directions,
                            TangentAnalysis& result);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_TANGENT_ANALYSIS_H_
