// The geometry of a set of points, layers of networks: what a report about paths asks of a space,
// whatever the space is.
#ifndef GRAMIAN_MEASURE_PATH_GEOMETRY_H_
#define GRAMIAN_MEASURE_PATH_GEOMETRY_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/measure/measure.h"
#include "gramian/measure/point_set.h"
#include "gramian/measure/tangent_analysis.h"

namespace gramian {

// K points. Immutable, thread-safe. Where scores say everything this is a PointSet
// (ScoredGeometry); shapes and positive definite matrices compute with the points themselves. An
// error is CANCELLED, RESOURCE_EXHAUSTED, or INTERNAL if LAPACK does not converge: what is not
// defined is a status of the value, as in point_set.h.
class PathGeometry {
 public:
  virtual ~PathGeometry() = default;

  virtual Index size() const = 0;
  // As PointSet.
  virtual absl::StatusOr<PathValue> Distance(Index a, Index b) const = 0;
  virtual absl::StatusOr<PathValue> Angle(Index a, Index b, Index c) const = 0;
  virtual absl::StatusOr<Projection> Project(Index b, Index a, Index c) const = 0;
  virtual absl::StatusOr<PathValue> ToGeodesic(Index b, Index a, Index c,
                                               double fraction) const = 0;
  // The Frechet mean of points[chosen[0]], ..., at least one, and `directions` principal ones at
  // it.
  virtual absl::StatusOr<TangentAnalysis> Tangents(absl::Span<const Index> chosen,
                                                   Index directions) const = 0;

  absl::StatusOr<PathValue> AlexandrovCurvature(Index a, Index b, Index c) const;
};

// A PointSet as such a geometry.
class ScoredGeometry final : public PathGeometry {
 public:
  ScoredGeometry(const ComputeContext& context, PointSet points);

  Index size() const override { return points_.size(); }
  absl::StatusOr<PathValue> Distance(Index a, Index b) const override;
  absl::StatusOr<PathValue> Angle(Index a, Index b, Index c) const override;
  absl::StatusOr<Projection> Project(Index b, Index a, Index c) const override;
  absl::StatusOr<PathValue> ToGeodesic(Index b, Index a, Index c, double fraction) const override;
  absl::StatusOr<TangentAnalysis> Tangents(absl::Span<const Index> chosen,
                                           Index directions) const override;

 private:
  const ComputeContext context_;
  const PointSet points_;
};

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_PATH_GEOMETRY_H_
