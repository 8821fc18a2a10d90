// What the geometries of curved spaces have in common: which questions have no answer, and the
// search for the nearest place on a geodesic.
#ifndef GRAMIAN_MEASURE_CURVED_GEOMETRY_H_
#define GRAMIAN_MEASURE_CURVED_GEOMETRY_H_

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/measure/measure.h"
#include "gramian/measure/path_geometry.h"

namespace gramian {

// A point of a geodesic seen from elsewhere.
struct Nearness {
  double value = 0.0;  // grows with the distance
  double slope = 0.0;  // of the value, along the geodesic
  double distance = 0.0;
};
using NearnessAt = std::function<absl::StatusOr<Nearness>(double fraction)>;

// The fraction in [0, 1] where `near` is least: the best of `samples` + 1 equidistant places, then
// a root of the slope beside it by regula falsi (Illinois), to 1e-13 of the geodesic; at most 60
// calls more. With a convex function 1 sample suffices.
absl::StatusOr<double> FindNearest(const NearnessAt& near, int samples);

// K points whose distances are known scores.
class CurvedGeometry : public PathGeometry {
 public:
  Index size() const override { return size_; }
  absl::StatusOr<PathValue> Distance(Index a, Index b) const override;
  absl::StatusOr<PathValue> Angle(Index a, Index b, Index c) const override;
  // line_fraction and line_distance are those of the geodesic itself, which is not continued.
  absl::StatusOr<Projection> Project(Index b, Index a, Index c) const override;
  absl::StatusOr<PathValue> ToGeodesic(Index b, Index a, Index c, double fraction) const override;
  absl::StatusOr<TangentAnalysis> Tangents(absl::Span<const Index> chosen,
                                           Index directions) const override;

 protected:
  // The geodesic from one point to another as a third sees it; a status if there is no single one.
  struct Sight {
    ScoreStatus status = ScoreStatus::kOk;
    NearnessAt near;
  };
  // Logarithms at the Frechet mean: their inner products, the squares of distances on the diagonal.
  struct MeanLogarithms {
    ScoreStatus status = ScoreStatus::kOk;
    Matrix inner_products;
  };

  // `scores` are K x K distances, row-major, with the status of each pair. A geodesic is looked at
  // in `samples` places before the nearest one is refined.
  CurvedGeometry(const ComputeContext& context, absl::Span<const Score> scores, int samples);

  const ComputeContext& context() const { return context_; }
  double distance(Index a, Index b) const { return score(a, b).value; }
  // Of each chosen point: the sum of its squared distances to all of them.
  std::vector<double> SumsOfSquares(absl::Span<const Index> chosen) const;

  // Asked only of points that have scores, and of a different from b, b from c; the value is the
  // cosine of the angle.
  virtual absl::StatusOr<PathValue> CosineAt(Index a, Index b, Index c) const = 0;
  virtual absl::StatusOr<Sight> See(Index b, Index a, Index c) const = 0;
  virtual absl::StatusOr<MeanLogarithms> FindMean(absl::Span<const Index> chosen) const = 0;
  // Whether two points are equal but for rounding.
  virtual bool Coincide(Index a, Index b) const = 0;

 private:
  const Score& score(Index a, Index b) const { return scores_[static_cast<size_t>(a * size_ + b)]; }
  ScoreStatus StatusOf(absl::Span<const Index> points) const;

  const ComputeContext context_;
  const std::vector<Score> scores_;
  const Index size_;
  const int samples_;
};

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_CURVED_GEOMETRY_H_
