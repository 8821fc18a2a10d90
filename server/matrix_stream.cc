#include "server/matrix_stream.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure_registry.h"
#include "server/block_cursor.h"
#include "server/convert.h"
#include "server/resource_name.h"

namespace gramian {
namespace {

// One row or column of a matrix.
struct Side {
  std::string name;
  std::string label;
  int64_t features = 0;
};

std::vector<Side> LayerSides(const std::vector<StoredLayer>& layers) {
  std::vector<Side> sides;
  for (const StoredLayer& layer : layers) {
    const LayerKey& key = layer.description.key;
    sides.push_back({FormatLayer(key), key.layer, layer.shape.cols});
  }
  return sides;
}

v1::MatrixHeader HeaderOf(const std::vector<Side>& rows, const std::vector<Side>& columns,
                          const SimilarityMeasure& measure, int64_t input_count) {
  v1::MatrixHeader header;
  for (const Side& row : rows) {
    header.add_row_names(row.name);
    header.add_row_labels(row.label);
    header.add_row_feature_counts(row.features);
  }
  for (const Side& column : columns) {
    header.add_column_names(column.name);
    header.add_column_labels(column.label);
    header.add_column_feature_counts(column.features);
  }
  header.set_measure(measure.name());
  header.set_larger_is_more_similar(measure.traits().larger_is_more_similar);
  header.set_input_count(input_count);
  header.set_cell_count(static_cast<int64_t>(rows.size() * columns.size()));
  return header;
}

// A matrix while it is computed.
struct Matrix {
  v1::MatrixHeader header;
  std::unique_ptr<MatrixJob> job;
  std::chrono::steady_clock::time_point start;
};

absl::StatusOr<Matrix> PlanSnapshots(ServerState& state,
                                     const v1::CompareSnapshotsRequest& request) {
  Matrix matrix;
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const SimilarityMeasure> measure,
                           MeasureRegistry::Parse(request.measure()));
  GRAMIAN_ASSIGN_OR_RETURN(
      const SnapshotSelection a,
      ToSelection(state.engine.store(), state.options, request.snapshot_a(), request.layers_a()));
  GRAMIAN_ASSIGN_OR_RETURN(
      const SnapshotSelection b,
      ToSelection(state.engine.store(), state.options, request.snapshot_b(), request.layers_b()));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> rows, Select(state.engine.store(), a));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> columns, Select(state.engine.store(), b));
  matrix.header =
      HeaderOf(LayerSides(rows), LayerSides(columns), *measure, rows.front().shape.rows);
  GRAMIAN_ASSIGN_OR_RETURN(matrix.job, state.engine.PlanSnapshots(a, b, measure->name()));
  return matrix;
}

absl::StatusOr<Matrix> PlanNetworks(ServerState& state, const v1::CompareNetworksRequest& request) {
  if (request.snapshots().empty() || request.snapshots_size() > state.options.max_networks) {
    return absl::InvalidArgumentError(absl::StrCat(request.snapshots_size(),
                                                   " snapshots are asked for, must be from 1 to ",
                                                   state.options.max_networks));
  }
  Matrix matrix;
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const SimilarityMeasure> measure,
                           MeasureRegistry::Parse(request.measure()));
  GRAMIAN_ASSIGN_OR_RETURN(const Fusion fusion, ToFusion(request.fusion()));
  std::vector<SnapshotSelection> selections;
  std::vector<Side> sides;
  int64_t input_count = 0;
  for (const std::string& snapshot : request.snapshots()) {
    GRAMIAN_ASSIGN_OR_RETURN(
        SnapshotSelection selection,
        ToSelection(state.engine.store(), state.options, snapshot, request.fusion().layers()));
    GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> layers,
                             Select(state.engine.store(), selection));
    Side side{FormatSnapshot(selection.snapshot), SnapshotLabel(selection.snapshot), 0};
    for (const StoredLayer& layer : layers)
      side.features = std::max(side.features, layer.shape.cols);
    input_count = layers.front().shape.rows;
    sides.push_back(std::move(side));
    selections.push_back(std::move(selection));
  }
  matrix.header = HeaderOf(sides, sides, *measure, input_count);
  GRAMIAN_ASSIGN_OR_RETURN(matrix.job,
                           state.engine.PlanNetworks(selections, fusion, measure->name()));
  return matrix;
}

// Plans in the first step, then computes a row in each.
MatrixStep StepsOf(std::function<absl::StatusOr<Matrix>()> plan) {
  return [plan = std::move(plan), matrix = std::make_shared<Matrix>()](
             const MatrixWriter& writer, const std::stop_token& stop) -> absl::StatusOr<bool> {
    if (matrix->job == nullptr) {
      GRAMIAN_ASSIGN_OR_RETURN(*matrix, plan());
      matrix->start = std::chrono::steady_clock::now();
      writer.header(std::move(matrix->header));
    }
    GRAMIAN_ASSIGN_OR_RETURN(const ComparisonBlock block, matrix->job->Next(stop));
    v1::MatrixBlock message = ToProto(block);
    message.set_elapsed_seconds(SecondsSince(matrix->start));
    writer.block(std::move(message));
    return !matrix->job->is_done();
  };
}

// A view of an operator while it is sent. It counts in the budget of scratch until the last block
// has gone.
struct SentView {
  OperatorView view;
  bool is_computed = false;
  BlockCursor cursor;
};

absl::StatusOr<v1::OperatorHeader> ComputeView(ServerState& state,
                                               const v1::GetOperatorRequest& request,
                                               const std::stop_token& stop, OperatorView& view) {
  GRAMIAN_ASSIGN_OR_RETURN(const OperatorRequest operator_request, ToOperatorRequest(request));
  SnapshotSelection selection;
  Fusion fusion;
  const Fusion* used_fusion = nullptr;
  if (request.has_layer()) {
    GRAMIAN_ASSIGN_OR_RETURN(LayerKey key,
                             ToLayerKey(request.layer(), state.engine.store(), state.options));
    selection = {std::move(key.snapshot), {std::move(key.layer)}};
  } else {
    GRAMIAN_ASSIGN_OR_RETURN(selection, ToSelection(state.engine.store(), state.options,
                                                    request.snapshot(), request.fusion().layers()));
    GRAMIAN_ASSIGN_OR_RETURN(fusion, ToFusion(request.fusion()));
    used_fusion = &fusion;
  }
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> layers,
                           Select(state.engine.store(), selection));
  GRAMIAN_ASSIGN_OR_RETURN(
      view, state.engine.GetOperator(selection, used_fusion, operator_request, stop));
  v1::OperatorHeader header;
  for (const StoredLayer& layer : layers) header.add_layers(FormatLayer(layer.description.key));
  header.set_input_count(layers.front().shape.rows);
  header.set_row_count(view.rows);
  header.set_column_count(view.cols);
  header.set_kernel(operator_request.kernel.ToString());
  return header;
}

}  // namespace

MatrixStep SnapshotSteps(ServerState& state, const v1::CompareSnapshotsRequest& request) {
  return StepsOf([&state, &request] { return PlanSnapshots(state, request); });
}

MatrixStep NetworkSteps(ServerState& state, const v1::CompareNetworksRequest& request) {
  return StepsOf([&state, &request] { return PlanNetworks(state, request); });
}

OperatorStep OperatorSteps(ServerState& state, const v1::GetOperatorRequest& request) {
  return [&state, &request, sent = std::make_shared<SentView>()](
             const std::function<void(v1::GetOperatorResponse)>& send,
             const std::stop_token& stop) -> absl::StatusOr<bool> {
    if (!sent->is_computed) {
      v1::GetOperatorResponse response;
      GRAMIAN_ASSIGN_OR_RETURN(*response.mutable_header(),
                               ComputeView(state, request, stop, sent->view));
      sent->is_computed = true;
      send(std::move(response));
    }
    const OperatorView& view = sent->view;
    const auto has_more = [&] { return !sent->cursor.IsAtEnd(view.rows, view.cols); };
    if (has_more()) {
      v1::GetOperatorResponse response;
      sent->cursor.FillNext(view.values.data(), view.rows, view.cols, *response.mutable_block());
      send(std::move(response));
    }
    if (has_more()) return true;
    // The blocks that wait for the client have taken its place.
    std::vector<double>().swap(sent->view.values);
    return false;
  };
}

}  // namespace gramian
