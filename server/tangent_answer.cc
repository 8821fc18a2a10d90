#include "server/tangent_answer.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/engine/tangent_report.h"
#include "server/convert.h"
#include "server/status_details.h"

namespace gramian {
namespace {

// Inputs whose comparisons one message holds, at most 35 bytes each.
constexpr int64_t kMaxField = 100'000;

absl::StatusOr<std::vector<GridAxis>> ToGrid(const v1::CompareTangentsRequest& request) {
  std::vector<GridAxis> grid;
  if (!request.has_grid()) return grid;
  for (const v1::GridAxis& axis : request.grid().axes()) {
    grid.push_back({axis.size(), axis.spacing(), axis.periodic()});
  }
  if (!grid.empty()) return grid;
  return absl::InvalidArgumentError(
      absl::StrCat("the grid has 0 axes, must be from 1 to ", kMaxCoordinates));
}

absl::Status CheckField(const v1::CompareTangentsRequest& request, int64_t rows) {
  if (!request.with_field() || rows <= kMaxField) return absl::OkStatus();
  return WithLimit(absl::ResourceExhaustedError(absl::StrCat(
                       "the field has ", rows, " inputs, more than the limit of ", kMaxField)),
                   "LIMIT_EXCEEDED", rows, kMaxField);
}

v1::TangentPoint ToProto(const PointComparison& point, Index coordinates) {
  v1::TangentPoint result;
  result.set_spectral_ratio(point.spectral_ratio);
  if (point.has_distances(coordinates)) {
    result.set_log_scale(point.log_scale);
    result.set_shape(point.shape);
    result.set_airm(point.airm);
  }
  result.set_joint_rank(static_cast<int32_t>(point.joint_rank));
  result.set_rank_mismatch(point.rank_mismatch);
  return result;
}

void Fill(const TangentReport& report, bool with_field, v1::CompareTangentsResponse& response) {
  const MsaReport& msa = report.msa;
  response.set_input_count(report.rows);
  response.set_coordinate_count(report.coordinates);
  response.set_distance(msa.distance);
  response.set_similarity(msa.similarity);
  response.set_standard_error(msa.standard_error);
  response.set_log_scale_mean(msa.log_scale_mean);
  response.set_shape_mean(msa.shape_mean);
  response.set_airm_mean(msa.airm_mean);
  response.set_compared_count(msa.compared);
  response.set_compared_weight(msa.compared_weight);
  response.set_degenerate_count(msa.degenerate);
  response.set_rank_mismatch_count(msa.rank_mismatches);
  response.set_vanishing_count(msa.vanishing);
  if (!with_field) return;
  for (const PointComparison& point : msa.points) {
    *response.add_field() = ToProto(point, report.coordinates);
  }
}

}  // namespace

absl::Status AnswerTangents(ServerState& state, const v1::CompareTangentsRequest& request,
                            v1::CompareTangentsResponse& response, std::stop_token stop) {
  const auto start = std::chrono::steady_clock::now();
  ActivationStore& store = state.engine.store();
  GRAMIAN_ASSIGN_OR_RETURN(const LayerKey a, ToLayerKey(request.layer_a(), store, state.options));
  GRAMIAN_ASSIGN_OR_RETURN(const LayerKey b, ToLayerKey(request.layer_b(), store, state.options));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<GridAxis> grid, ToGrid(request));
  std::optional<LayerKey> coordinates;
  if (request.has_coordinates()) {
    GRAMIAN_ASSIGN_OR_RETURN(coordinates, ToLayerKey(request.coordinates(), store, state.options));
  }
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer, store.GetLayer(a));
  GRAMIAN_RETURN_IF_ERROR(CheckField(request, layer.shape.rows));
  const std::vector<double> weights(request.weights().begin(), request.weights().end());
  GRAMIAN_ASSIGN_OR_RETURN(
      const TangentReport report,
      state.engine.CompareTangents(a, b, grid, coordinates, weights, std::move(stop)));
  Fill(report, request.with_field(), response);
  response.set_elapsed_seconds(SecondsSince(start));
  return absl::OkStatus();
}

}  // namespace gramian
