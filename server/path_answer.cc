#include "server/path_answer.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "server/convert.h"
#include "server/resource_name.h"

namespace gramian {
namespace {

// Of fractions, dimensions and directions.
constexpr int kMaxCount = 64;

absl::Status CheckCount(int64_t count, absl::string_view what) {
  if (count >= 0 && count <= kMaxCount) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is ", count, ", must be from 0 to ", kMaxCount));
}

absl::StatusOr<PathOptions> ToPathOptions(const v1::AnalyzePathRequest& request) {
  GRAMIAN_RETURN_IF_ERROR(
      CheckCount(request.geodesic_fractions_size(), "the number of geodesic_fractions"));
  GRAMIAN_RETURN_IF_ERROR(CheckCount(request.picture_dimension_count(), "picture_dimension_count"));
  GRAMIAN_RETURN_IF_ERROR(CheckCount(request.direction_count(), "direction_count"));
  PathOptions options;
  options.fractions.assign(request.geodesic_fractions().begin(),
                           request.geodesic_fractions().end());
  options.dimensions = request.picture_dimension_count();
  options.directions = request.direction_count();
  return options;
}

absl::StatusOr<PathSelection> ToPathSelection(ServerState& state, const v1::PathSource& source) {
  const ActivationStore& store = state.engine.store();
  PathSelection path;
  GRAMIAN_ASSIGN_OR_RETURN(path.network,
                           ToSelection(store, state.options, source.snapshot(), source.layers()));
  if (!source.input().empty()) {
    GRAMIAN_ASSIGN_OR_RETURN(path.input, ToLayerKey(source.input(), store, state.options));
  }
  if (!source.target().empty()) {
    GRAMIAN_ASSIGN_OR_RETURN(path.target, ToLayerKey(source.target(), store, state.options));
  }
  return path;
}

absl::StatusOr<std::vector<PathSelection>> ToPathSelections(ServerState& state,
                                                            const v1::AnalyzePathRequest& request) {
  if (request.paths().empty() || request.paths_size() > state.options.max_networks) {
    return absl::InvalidArgumentError(absl::StrCat(request.paths_size(),
                                                   " paths are asked for, must be from 1 to ",
                                                   state.options.max_networks));
  }
  std::vector<PathSelection> paths;
  for (const v1::PathSource& source : request.paths()) {
    GRAMIAN_ASSIGN_OR_RETURN(paths.emplace_back(), ToPathSelection(state, source));
  }
  return paths;
}

v1::PathValue ToProto(const PathValue& value) {
  v1::PathValue result;
  result.set_status(ToProto(value.status));
  if (value.status == ScoreStatus::kOk) result.set_value(value.value);
  return result;
}

v1::PathProjection ToProto(const Projection& projection) {
  v1::PathProjection result;
  result.set_status(ToProto(projection.status));
  if (projection.status != ScoreStatus::kOk) return result;
  result.set_fraction(projection.fraction);
  result.set_distance(projection.distance);
  result.set_line_fraction(projection.line_fraction);
  result.set_line_distance(projection.line_distance);
  return result;
}

// What is known of the i-th point beside its own path.
void PlacePoint(const PathReport& report, Index point, v1::PathPoint& result) {
  if (!report.is_placed[static_cast<size_t>(point)]) return;
  const TangentAnalysis& tangents = report.tangents;
  if (tangents.status == ScoreStatus::kOk && tangents.distances.size() > 0) {
    result.mutable_mean_distance()->set_status(v1::SCORE_STATUS_OK);
    result.mutable_mean_distance()->set_value(tangents.distances[point]);
    for (Index k = 0; k < tangents.coordinates.cols(); ++k) {
      result.add_direction_coordinates(tangents.coordinates(point, k));
    }
  }
  if (report.picture.coordinates.size() == 0) return;
  for (Index k = 0; k < report.picture.coordinates.cols(); ++k) {
    result.add_picture_coordinates(report.picture.coordinates(point, k));
  }
}

v1::PathPoint ToProto(const PathReport& report, const NetworkPath& path, size_t i) {
  const PathAnalysis& analysis = path.analysis;
  const size_t last = path.points.size() - 1;
  v1::PathPoint result;
  result.set_layer(FormatLayer(path.layers[i]));
  result.set_label(path.layers[i].layer);
  if (i < last) *result.mutable_segment() = ToProto(analysis.segments[i]);
  if (i + 1 < last) *result.mutable_target_angle() = ToProto(analysis.target_angles[i]);
  if (i > 0 && i < last) {
    *result.mutable_angle() = ToProto(analysis.angles[i - 1]);
    *result.mutable_curvature() = ToProto(analysis.curvatures[i - 1]);
    *result.mutable_projection() = ToProto(analysis.projections[i - 1]);
  }
  for (const std::vector<PathValue>& distances : analysis.geodesic_distances) {
    *result.add_geodesic_distances() = ToProto(distances[i]);
  }
  PlacePoint(report, path.points[i], result);
  return result;
}

v1::NetworkPath ToProto(const PathReport& report, const NetworkPath& path,
                        const SnapshotKey& snapshot) {
  v1::NetworkPath result;
  result.set_snapshot(FormatSnapshot(snapshot));
  result.set_label(SnapshotLabel(snapshot));
  *result.mutable_length() = ToProto(path.analysis.length);
  *result.mutable_geodesic() = ToProto(path.analysis.geodesic);
  *result.mutable_slack() = ToProto(path.analysis.slack);
  for (size_t i = 0; i < path.points.size(); ++i) {
    *result.add_points() = ToProto(report, path, i);
  }
  return result;
}

void FillTogether(const PathReport& report, const PathOptions& options,
                  v1::AnalyzePathResponse& response) {
  response.set_placed_status(ToProto(report.placed_status));
  if (report.placed_status != ScoreStatus::kOk) return;
  if (options.directions > 0) {
    v1::PathMean& mean = *response.mutable_mean();
    mean.set_status(ToProto(report.tangents.status));
    if (report.tangents.status == ScoreStatus::kOk) {
      mean.set_variance(report.tangents.variance);
      for (const double share : report.tangents.shares) mean.add_shares(share);
    }
  }
  if (options.dimensions > 0) {
    response.mutable_picture()->set_stress(report.picture.stress);
    response.mutable_picture()->set_iteration_count(report.picture.iterations);
  }
}

}  // namespace

absl::Status AnswerPaths(ServerState& state, const v1::AnalyzePathRequest& request,
                         v1::AnalyzePathResponse& response, std::stop_token stop) {
  const auto start = std::chrono::steady_clock::now();
  GRAMIAN_ASSIGN_OR_RETURN(const PathOptions options, ToPathOptions(request));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<PathSelection> paths,
                           ToPathSelections(state, request));
  const std::string measure = request.measure().empty() ? "cka" : request.measure();
  GRAMIAN_ASSIGN_OR_RETURN(const PathReport report,
                           state.engine.AnalyzePaths(paths, measure, options, std::move(stop)));
  response.set_measure(report.measure);
  response.set_space(ToProto(report.space));
  response.set_input_count(report.rows);
  response.set_point_count(report.point_count);
  response.set_cached_count(report.cached);
  for (size_t i = 0; i < paths.size(); ++i) {
    *response.add_paths() = ToProto(report, report.paths[i], paths[i].network.snapshot);
  }
  FillTogether(report, options, response);
  response.set_elapsed_seconds(SecondsSince(start));
  return absl::OkStatus();
}

}  // namespace gramian
