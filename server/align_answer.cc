#include "server/align_answer.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/engine/layer_alignment.h"
#include "server/block_cursor.h"
#include "server/convert.h"

namespace gramian {
namespace {

// What a number that is no enum value of this build means.
absl::Status Unknown(const char* what, int value) {
  return absl::InvalidArgumentError(absl::StrCat(what, " has the unknown value ", value));
}

absl::StatusOr<GraphMetric> ToLib(v1::GraphMetric metric) {
  switch (metric) {
    case v1::GRAPH_METRIC_UNSPECIFIED:
    case v1::GRAPH_METRIC_ANGULAR:
      return GraphMetric::kAngular;
    case v1::GRAPH_METRIC_EUCLIDEAN:
      return GraphMetric::kEuclidean;
    default:
      return Unknown("graph_metric", metric);
  }
}

absl::StatusOr<EdgeWeight> ToLib(v1::EdgeWeight weight) {
  switch (weight) {
    case v1::EDGE_WEIGHT_UNSPECIFIED:
    case v1::EDGE_WEIGHT_GAUSSIAN:
      return EdgeWeight::kGaussian;
    case v1::EDGE_WEIGHT_SYMMETRIC_GAUSSIAN:
      return EdgeWeight::kSymmetricGaussian;
    case v1::EDGE_WEIGHT_UNIFORM:
      return EdgeWeight::kUniform;
    case v1::EDGE_WEIGHT_DISTANCE:
      return EdgeWeight::kDistance;
    case v1::EDGE_WEIGHT_SINGULAR:
      return EdgeWeight::kSingular;
    default:
      return Unknown("edge_weight", weight);
  }
}

absl::StatusOr<DescriptorKind> ToLib(v1::Descriptor descriptor) {
  switch (descriptor) {
    case v1::DESCRIPTOR_GEODESIC:
      return DescriptorKind::kGeodesic;
    case v1::DESCRIPTOR_COSINE:
      return DescriptorKind::kCosine;
    case v1::DESCRIPTOR_ANCHORED_HEAT:
      return DescriptorKind::kAnchoredHeat;
    case v1::DESCRIPTOR_HEAT:
      return DescriptorKind::kHeat;
    case v1::DESCRIPTOR_WAVE:
      return DescriptorKind::kWave;
    case v1::DESCRIPTOR_LABELS:
      return DescriptorKind::kLabels;
    default:
      return Unknown("a descriptor", descriptor);
  }
}

absl::StatusOr<MapSolver> ToLib(v1::MapSolver solver) {
  switch (solver) {
    case v1::MAP_SOLVER_UNSPECIFIED:
      return MapSolver::kAuto;
    case v1::MAP_SOLVER_DIRECT:
      return MapSolver::kDirect;
    case v1::MAP_SOLVER_ITERATIVE:
      return MapSolver::kIterative;
    default:
      return Unknown("solver", solver);
  }
}

absl::StatusOr<TransferKind> ToLib(v1::TransferKind kind) {
  switch (kind) {
    case v1::TRANSFER_KIND_UNSPECIFIED:
    case v1::TRANSFER_KIND_ORTHOGONAL:
      return TransferKind::kOrthogonal;
    case v1::TRANSFER_KIND_LINEAR:
      return TransferKind::kLinear;
    default:
      return Unknown("transfer", kind);
  }
}

absl::StatusOr<AlignmentOptions> ToAlignmentOptions(const v1::AlignLayersRequest& request) {
  AlignmentOptions options;
  GRAMIAN_ASSIGN_OR_RETURN(options.graph.metric, ToLib(request.graph_metric()));
  GRAMIAN_ASSIGN_OR_RETURN(options.graph.weight, ToLib(request.edge_weight()));
  if (request.neighbor_count() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("neighbor_count is ", request.neighbor_count(), ", must be >= 0"));
  }
  options.graph.neighbors = request.neighbor_count();
  if (request.function_count() != 0) options.functions = request.function_count();
  for (const v1::Anchor& anchor : request.anchors()) {
    options.a_anchors.push_back(anchor.input_a());
    options.b_anchors.push_back(anchor.input_b());
  }
  for (const int descriptor : request.descriptors()) {
    GRAMIAN_ASSIGN_OR_RETURN(options.descriptors.emplace_back(),
                             ToLib(static_cast<v1::Descriptor>(descriptor)));
  }
  options.a_labels.assign(request.labels_a().begin(), request.labels_a().end());
  options.b_labels.assign(request.labels_b().begin(), request.labels_b().end());
  if (request.has_weights()) {
    options.weights = {request.weights().descriptor_weight(), request.weights().laplacian_weight(),
                       request.weights().commutativity_weight()};
  }
  GRAMIAN_ASSIGN_OR_RETURN(options.solver, ToLib(request.solver()));
  if (request.has_refinement_count()) options.refinement = request.refinement_count();
  GRAMIAN_ASSIGN_OR_RETURN(options.transfer, ToLib(request.transfer()));
  return options;
}

absl::StatusOr<AlignmentSelection> ToAlignmentSelection(ServerState& state,
                                                        const v1::AlignLayersRequest& request) {
  const auto key = [&](const std::string& name) {
    return ToLayerKey(name, state.engine.store(), state.options);
  };
  const auto optional_key =
      [&](const std::string& name) -> absl::StatusOr<std::optional<LayerKey>> {
    if (name.empty()) return std::optional<LayerKey>();
    return key(name);
  };
  AlignmentSelection selection;
  GRAMIAN_ASSIGN_OR_RETURN(selection.a, key(request.layer_a()));
  GRAMIAN_ASSIGN_OR_RETURN(selection.b, key(request.layer_b()));
  GRAMIAN_ASSIGN_OR_RETURN(selection.functions, optional_key(request.functions()));
  GRAMIAN_ASSIGN_OR_RETURN(selection.points, optional_key(request.points()));
  GRAMIAN_ASSIGN_OR_RETURN(selection.truth, optional_key(request.truth()));
  return selection;
}

v1::Retrieval ToProto(const Retrieval& retrieval) {
  v1::Retrieval result;
  result.set_count(retrieval.count);
  result.set_aligned(retrieval.aligned);
  if (retrieval.anchors.has_value()) result.set_anchors(*retrieval.anchors);
  return result;
}

v1::FunctionalScores ToProto(const FunctionalScores& scores) {
  v1::FunctionalScores result;
  result.set_published(scores.published);
  result.set_official(scores.official);
  result.set_corrected(scores.corrected);
  result.set_overlap(scores.overlap);
  result.set_orthogonality_defect(scores.defect);
  result.set_commutator(scores.commutator);
  return result;
}

// An alignment while it is sent, a part after the other. It counts in the budget of scratch until
// the last block has gone.
struct SentAlignment {
  struct Part {
    v1::AlignmentPartKind kind;
    Matrix values;
    BlockCursor cursor = {};

    bool IsSent() const { return cursor.IsAtEnd(values.rows(), values.cols()); }
  };
  bool is_computed = false;
  size_t next = 0;
  std::vector<Part> parts;
  std::optional<ScratchBudget::Lease> held;
};

std::vector<SentAlignment::Part> PartsOf(AlignmentReport& report) {
  Matrix matches(report.b_rows, 1);
  for (Index i = 0; i < matches.rows(); ++i) {
    matches(i, 0) = static_cast<double>(report.matches[static_cast<size_t>(i)]);
  }
  std::vector<SentAlignment::Part> parts;
  parts.push_back({v1::ALIGNMENT_PART_KIND_MAP, std::move(report.map)});
  parts.push_back({v1::ALIGNMENT_PART_KIND_MATCHES, std::move(matches)});
  parts.push_back({v1::ALIGNMENT_PART_KIND_DISTORTION, Matrix(report.distortion)});
  if (report.carried_functions.size() > 0) {
    parts.push_back({v1::ALIGNMENT_PART_KIND_FUNCTIONS, std::move(report.carried_functions)});
  }
  if (report.carried_points.size() > 0) {
    parts.push_back({v1::ALIGNMENT_PART_KIND_POINTS, std::move(report.carried_points)});
  }
  return parts;
}

v1::AlignmentReport ToProto(const AlignmentReport& report, const GraphSpec& graph) {
  v1::AlignmentReport result;
  result.set_input_count_a(report.a_rows);
  result.set_input_count_b(report.b_rows);
  result.set_graph(graph.ToString());
  result.set_function_count(report.functions);
  result.set_component_count_a(report.a_components);
  result.set_component_count_b(report.b_components);
  result.set_gap_a(report.a_gap);
  result.set_gap_b(report.b_gap);
  result.set_is_known(report.is_known);
  result.set_descriptor_count(report.descriptors);
  result.set_energy(report.energy);
  result.set_iteration_count(report.iterations);
  result.set_refinement_count(report.refinement);
  *result.mutable_scores() = ToProto(report.scores);
  if (report.accuracy.has_value()) result.set_accuracy(*report.accuracy);
  if (report.retrieval.has_value()) *result.mutable_retrieval() = ToProto(*report.retrieval);
  if (report.carried_retrieval.has_value()) {
    *result.mutable_points_retrieval() = ToProto(*report.carried_retrieval);
  }
  return result;
}

absl::StatusOr<v1::AlignmentReport> Align(ServerState& state, const v1::AlignLayersRequest& request,
                                          const std::stop_token& stop, SentAlignment& sent) {
  const auto start = std::chrono::steady_clock::now();
  GRAMIAN_ASSIGN_OR_RETURN(const AlignmentOptions options, ToAlignmentOptions(request));
  GRAMIAN_ASSIGN_OR_RETURN(const AlignmentSelection selection,
                           ToAlignmentSelection(state, request));
  GRAMIAN_ASSIGN_OR_RETURN(AlignmentReport report,
                           state.engine.AlignLayers(selection, options, stop));
  v1::AlignmentReport result = ToProto(report, options.graph);
  sent.parts = PartsOf(report);
  if (report.held.has_value()) sent.held.emplace(std::move(*report.held));
  for (const SentAlignment::Part& part : sent.parts) {
    v1::AlignmentPart* message = result.add_parts();
    message->set_kind(part.kind);
    message->set_row_count(part.values.rows());
    message->set_column_count(part.values.cols());
  }
  result.set_elapsed_seconds(SecondsSince(start));
  return result;
}

}  // namespace

AlignStep AlignSteps(ServerState& state, const v1::AlignLayersRequest& request) {
  return [&state, &request, sent = std::make_shared<SentAlignment>()](
             const std::function<void(v1::AlignLayersResponse)>& send,
             const std::stop_token& stop) -> absl::StatusOr<bool> {
    v1::AlignLayersResponse response;
    if (!sent->is_computed) {
      GRAMIAN_ASSIGN_OR_RETURN(*response.mutable_report(), Align(state, request, stop, *sent));
      sent->is_computed = true;
      send(std::move(response));
      return true;
    }
    SentAlignment::Part& part = sent->parts[sent->next];
    v1::AlignmentBlock* block = response.mutable_block();
    block->set_kind(part.kind);
    part.cursor.FillNext(part.values.data(), part.values.rows(), part.values.cols(), *block);
    if (part.IsSent()) {
      // The blocks that wait for the client have taken its place.
      part.values.resize(0, 0);
      ++sent->next;
    }
    send(std::move(response));
    return sent->next < sent->parts.size();
  };
}

}  // namespace gramian
