// The geometry of layers as shapes: matrices up to a rotation of their features.
//
// A point is x (n x r, centred, perhaps whitened), the same as x Q for every orthogonal Q (narrower
// ones are padded with zeros); of unit norm in the angular space. With x' y = L diag(v) R', the
// rotation that brings y nearest to x is Q = R L', and
//
//   distance            sqrt(|x|^2 + |y|^2 - 2 sum v), or the angle arccos sum v
//   geodesic x -> y     (1 - s) x + s y Q, or the great circle from x to y Q
//   angle at b of a, c  between a Q_ab - b and c Q_cb - b, or the tangents of the great circles
//
// Where a and c both have more dimensions than b, these are free to turn among each other, and the
// angle is the least, that of the quotient space.
//
// Nothing but x_i' x_j is needed. The space has curvature >= 0, and a geodesic in it may have
// several places that are near a point. Sources: Williams et al. 2021 (arXiv 2110.14739); Lange et
// al. 2022 (arXiv 2206.10999).
#ifndef GRAMIAN_MEASURE_SHAPE_GEOMETRY_H_
#define GRAMIAN_MEASURE_SHAPE_GEOMETRY_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/measure/curved_geometry.h"
#include "gramian/measure/measure.h"

namespace gramian {

// K shapes by their singular values and the products x_i' x_j of their principal components. With r
// dimensions each: (K r)^2 doubles; SVDs of r x r, 2 for an angle, 2 for a distance to a geodesic,
// some 15 for a projection, K for an iteration of the mean.
//
// kAntipodalPoints: a geodesic that is needed is not the only one, as some direction of one shape
// is orthogonal to all of the other.
class ShapeGeometry final : public CurvedGeometry {
 public:
  // values[i] are the r_i singular values of x_i, none for a layer without scores, and cross[i * K
  // + j] = x_i' x_j for i < j (r_i x r_j), both of unit norm if `angular`. `scores` are K x K
  // distances, row-major, with the status of each pair.
  ShapeGeometry(const ComputeContext& context, bool angular, std::vector<Vector> values,
                std::vector<Matrix> cross, absl::Span<const Score> scores);

 private:
  struct Turn;
  struct Line;
  struct Mean;

  absl::StatusOr<PathValue> CosineAt(Index a, Index b, Index c) const override;
  absl::StatusOr<Sight> See(Index b, Index a, Index c) const override;
  // A shape of as many dimensions as the widest point, found from there by m <- exp_m(mean of
  // log_m(x_i)) until a step is below 1e-10 of its size, at most 1000 times: kAntipodalPoints if
  // none is. In the space of shapes that is generalised Procrustes analysis.
  absl::StatusOr<MeanLogarithms> FindMean(absl::Span<const Index> chosen) const override;
  bool Coincide(Index a, Index b) const override;

  const Vector& values(Index a) const { return values_[static_cast<size_t>(a)]; }
  double squared_norm(Index a) const { return values(a).squaredNorm(); }
  Matrix Cross(Index a, Index b) const;
  absl::StatusOr<Turn> TurnTo(Index c, Index a) const;
  absl::StatusOr<Nearness> Near(const Line& line, double fraction) const;
  // The blocks x_i' m of m = sum_j x_j weights[j], i and j of `chosen`.
  std::vector<Matrix> Times(absl::Span<const Index> chosen,
                            const std::vector<Matrix>& weights) const;
  Mean StartMean(absl::Span<const Index> chosen) const;
  // Turns all points onto the mean and moves it; the length of the step relative to its size.
  absl::StatusOr<double> MoveMean(absl::Span<const Index> chosen, Mean& mean) const;
  Matrix LogarithmsAt(absl::Span<const Index> chosen, const Mean& mean) const;

  const bool angular_;
  const std::vector<Vector> values_;
  const std::vector<Matrix> cross_;
};

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_SHAPE_GEOMETRY_H_
