// The geometry of positive definite matrices with the affine-invariant Riemannian metric.
//
// With S_a = L L' and L^-1 S_c L^-T = U diag(m) U', m > 0:
//
//   distance             |log m|
//   geodesic a -> c      L U diag(m^s) U' L'
//   logarithm at a of c  U diag(log m) U', whitened by L; their inner products are traces
//
// m are the squares of the singular values of L_a^-1 L_c, which keep twice as many digits as the
// eigenvalues. The space has curvature <= 0: geodesics, projections and means exist and are unique.
// Sources: Pennec et al. 2006; Lange et al. 2022, arXiv 2206.10999; Bini and Iannazzo 2013 (steps
// of the mean).
#ifndef GRAMIAN_MEASURE_AFFINE_GEOMETRY_H_
#define GRAMIAN_MEASURE_AFFINE_GEOMETRY_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/measure/curved_geometry.h"
#include "gramian/measure/measure.h"

namespace gramian {

// L with K + ridge I = L L', lower triangular, of a semidefinite K: 1/3 N^3 flops. Empty if the
// ridge is lost in rounding, below 64 eps tr K.
Matrix LowerFactor(Matrix semidefinite, double ridge);

// |log m| of two factors of N x N matrices. About 4 N^3 flops.
absl::StatusOr<double> AffineInvariantDistance(const Matrix& lower_a, const Matrix& lower_b);

// K matrices of order N by their factors, K N^2 doubles. SVDs of N x N: 2 for an angle, 2 for a
// distance to a geodesic, some 12 for a projection, K for an iteration of the mean.
class AffineGeometry final : public CurvedGeometry {
 public:
  // lower[i] is empty for a layer without scores. `scores` are K x K distances, row-major, with the
  // status of each pair. Points coincide when their distance is below 1e-8.
  AffineGeometry(const ComputeContext& context, std::vector<Matrix> lower,
                 absl::Span<const Score> scores);

 private:
  struct Line;

  absl::StatusOr<PathValue> CosineAt(Index a, Index b, Index c) const override;
  absl::StatusOr<Sight> See(Index b, Index a, Index c) const override;
  // From the point with the least sum of squares by damped steps along the mean of the logarithms,
  // until that is 1e-9 of the points' distance, at most 1000 times: kAntipodalPoints if it is not
  // then, which only rounding can bring about.
  absl::StatusOr<MeanLogarithms> FindMean(absl::Span<const Index> chosen) const override;
  bool Coincide(Index a, Index b) const override;

  const Matrix& lower(Index a) const { return lower_[static_cast<size_t>(a)]; }
  absl::StatusOr<Nearness> Near(const Line& line, double fraction) const;

  const std::vector<Matrix> lower_;
};

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_AFFINE_GEOMETRY_H_
