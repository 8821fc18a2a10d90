#include "gramian/measure/path_analysis.h"

#include <limits>

#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

// A sum of values, without a value if one of them has none.
PathValue Sum(const std::vector<PathValue>& values) {
  PathValue sum;
  for (const PathValue& value : values) {
    if (value.status != ScoreStatus::kOk) return {value.status};
    sum.value += value.value;
  }
  return sum;
}

PathValue Slack(const PathValue& length, const PathValue& geodesic) {
  if (length.status != ScoreStatus::kOk) return {length.status};
  if (geodesic.status != ScoreStatus::kOk) return {geodesic.status};
  // A geodesic so short beside the path is rounding of a closed one.
  if (geodesic.value <= 64.0 * std::numeric_limits<double>::epsilon() * length.value) {
    return {ScoreStatus::kCoincidingPoints};
  }
  return {ScoreStatus::kOk, length.value / geodesic.value};
}

}  // namespace

absl::StatusOr<PathAnalysis> AnalyzePath(const PathGeometry& points, absl::Span<const Index> path,
                                         absl::Span<const double> fractions) {
  const Index first = path.front();
  const Index target = path.back();
  PathAnalysis result;
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    GRAMIAN_ASSIGN_OR_RETURN(result.segments.emplace_back(), points.Distance(path[i], path[i + 1]));
  }
  for (size_t i = 1; i + 1 < path.size(); ++i) {
    GRAMIAN_ASSIGN_OR_RETURN(result.angles.emplace_back(),
                             points.Angle(path[i - 1], path[i], path[i + 1]));
    GRAMIAN_ASSIGN_OR_RETURN(result.curvatures.emplace_back(),
                             points.AlexandrovCurvature(path[i - 1], path[i], path[i + 1]));
    GRAMIAN_ASSIGN_OR_RETURN(result.projections.emplace_back(),
                             points.Project(path[i], first, target));
    GRAMIAN_ASSIGN_OR_RETURN(result.target_angles.emplace_back(),
                             points.Angle(path[i], path[i - 1], target));
  }
  for (const double fraction : fractions) {
    std::vector<PathValue>& distances = result.geodesic_distances.emplace_back();
    for (const Index point : path) {
      GRAMIAN_ASSIGN_OR_RETURN(distances.emplace_back(),
                               points.ToGeodesic(point, first, target, fraction));
    }
  }
  result.length = Sum(result.segments);
  GRAMIAN_ASSIGN_OR_RETURN(result.geodesic, points.Distance(first, target));
  result.slack = Slack(result.length, result.geodesic);
  return result;
}

}  // namespace gramian
