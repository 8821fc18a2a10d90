#include "gramian/measure/path_geometry.h"

#include <utility>

#include "gramian/base/status_macros.h"

namespace gramian {

absl::StatusOr<PathValue> PathGeometry::AlexandrovCurvature(Index a, Index b, Index c) const {
  GRAMIAN_ASSIGN_OR_RETURN(PathValue result, ToGeodesic(b, a, c, 0.5));
  if (result.status != ScoreStatus::kOk) return result;
  GRAMIAN_ASSIGN_OR_RETURN(const PathValue ab, Distance(a, b));
  GRAMIAN_ASSIGN_OR_RETURN(const PathValue bc, Distance(b, c));
  GRAMIAN_ASSIGN_OR_RETURN(const PathValue ac, Distance(a, c));
  result.value = CurvatureOf(result.value, ab.value, bc.value, ac.value);
  return result;
}

ScoredGeometry::ScoredGeometry(const ComputeContext& context, PointSet points)
    : context_(context), points_(std::move(points)) {}

absl::StatusOr<PathValue> ScoredGeometry::Distance(Index a, Index b) const {
  return points_.Distance(a, b);
}
absl::StatusOr<PathValue> ScoredGeometry::Angle(Index a, Index b, Index c) const {
  return points_.Angle(a, b, c);
}
absl::StatusOr<Projection> ScoredGeometry::Project(Index b, Index a, Index c) const {
  return points_.Project(b, a, c);
}
absl::StatusOr<PathValue> ScoredGeometry::ToGeodesic(Index b, Index a, Index c,
                                                     double fraction) const {
  return points_.ToGeodesic(b, a, c, fraction);
}
absl::StatusOr<TangentAnalysis> ScoredGeometry::Tangents(absl::Span<const Index> chosen,
                                                         Index directions) const {
  return AnalyzeTangents(context_, points_, chosen, directions);
}

}  // namespace gramian
