#include "gramian/engine/path_report.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/path_geometry.h"

namespace gramian {
namespace {

absl::Status Check(const SimilarityMeasure& measure, const PathOptions& options) {
  if (measure.traits().space == ScoreSpace::kNone) {
    return absl::InvalidArgumentError(
        absl::StrCat("measure '", measure.name(),
                     "' does not place layers in a space; cka, ms-cka, stress, procrustes and "
                     "airm are among those that do"));
  }
  for (const double fraction : options.fractions) {
    if (fraction >= 0.0 && fraction <= 1.0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("a fraction of the geodesic is ", fraction, ", must be from 0 to 1"));
  }
  return absl::OkStatus();
}

// K x count, rows[i] of the small one in row chosen[i].
Matrix Spread(const Matrix& rows, const std::vector<Index>& chosen, Index count) {
  Matrix result = Matrix::Zero(count, rows.cols());
  for (size_t i = 0; i < chosen.size(); ++i) {
    result.row(chosen[i]) = rows.row(static_cast<Index>(i));
  }
  return result;
}

// Mean and picture of the points that are placed.
absl::Status PlaceTogether(const ComputeContext& context, const PathGeometry& points,
                           const PathOptions& options, PathReport& report) {
  std::vector<Index> placed;
  for (Index i = 0; i < points.size(); ++i) {
    GRAMIAN_ASSIGN_OR_RETURN(const PathValue self, points.Distance(i, i));
    const ScoreStatus status = self.status;
    report.is_placed.push_back(status == ScoreStatus::kOk);
    if (status == ScoreStatus::kOk) placed.push_back(i);
    if (placed.empty()) report.placed_status = status;
  }
  if (placed.empty()) return absl::OkStatus();
  report.placed_status = ScoreStatus::kOk;
  const auto count = static_cast<Index>(placed.size());
  Matrix distances(count, count);
  for (Index i = 0; i < count; ++i) {
    for (Index j = 0; j < count; ++j) {
      GRAMIAN_ASSIGN_OR_RETURN(
          const PathValue distance,
          points.Distance(placed[static_cast<size_t>(i)], placed[static_cast<size_t>(j)]));
      if (distance.status != ScoreStatus::kOk) report.placed_status = distance.status;
      distances(i, j) = distance.value;
    }
  }
  if (report.placed_status != ScoreStatus::kOk) return absl::OkStatus();
  if (options.directions > 0) {
    GRAMIAN_ASSIGN_OR_RETURN(report.tangents, points.Tangents(placed, options.directions));
    if (report.tangents.status == ScoreStatus::kOk) {
      report.tangents.coordinates = Spread(report.tangents.coordinates, placed, points.size());
      report.tangents.distances = Spread(report.tangents.distances, placed, points.size());
    }
  }
  if (options.dimensions > 0) {
    GRAMIAN_ASSIGN_OR_RETURN(report.picture, EmbedMetric(context, distances, options.dimensions));
    report.picture.coordinates = Spread(report.picture.coordinates, placed, points.size());
  }
  return absl::OkStatus();
}

// The geometry of `sources`, of which `scores` are known.
absl::StatusOr<std::unique_ptr<const PathGeometry>> MakeGeometry(
    const ComputeContext& context, const SimilarityMeasure& measure,
    const std::vector<OperandSource>& sources, const std::vector<Score>& scores) {
  const ScoreSpace space = measure.traits().space;
  if (FollowsFromScores(space)) {
    GRAMIAN_ASSIGN_OR_RETURN(PointSet points,
                             PointSet::Create(space, static_cast<Index>(sources.size()), scores));
    return std::make_unique<const ScoredGeometry>(context, std::move(points));
  }
  std::vector<Operand> layers;
  for (const OperandSource& source : sources) {
    GRAMIAN_ASSIGN_OR_RETURN(Operand layer, source.Load());
    layers.push_back(std::move(layer));
  }
  return measure.PlacePoints(context, layers, scores);
}

}  // namespace

absl::Status CompletePathReport(const ComputeContext& context, Scorer& scorer,
                                const SimilarityMeasure& measure,
                                const std::vector<OperandSource>& sources,
                                const PathOptions& options, PathReport& report) {
  GRAMIAN_RETURN_IF_ERROR(Check(measure, options));
  report.measure = measure.name();
  report.space = measure.traits().space;
  report.rows = sources.front().rows();
  report.point_count = static_cast<Index>(sources.size());
  const int64_t count = report.point_count;
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(
      count * count * static_cast<int64_t>(sizeof(Score) + sizeof(double)), "scores of a path"));
  std::vector<Score> scores;
  int64_t cached = 0;
  GRAMIAN_RETURN_IF_ERROR(
      scorer.CompareAll(context, measure, sources, sources, [&](const ComparisonBlock& block) {
        for (const Comparison& comparison : block.comparisons) {
          scores.push_back(comparison.score);
          cached += comparison.cached ? 1 : 0;
        }
        return absl::OkStatus();
      }));
  report.cached = cached;
  GRAMIAN_ASSIGN_OR_RETURN(const std::unique_ptr<const PathGeometry> points,
                           MakeGeometry(context, measure, sources, scores));
  for (NetworkPath& path : report.paths) {
    GRAMIAN_ASSIGN_OR_RETURN(path.analysis, AnalyzePath(*points, path.points, options.fractions));
  }
  report.is_placed.clear();
  return PlaceTogether(context, *points, options, report);
}

}  // namespace gramian
