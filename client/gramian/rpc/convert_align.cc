#include "gramian/rpc/convert_align.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace gramian::client {
namespace {

constexpr int64_t kValueLimit = 1'000'000'000;

v1::GraphMetric ToProto(GraphMetric metric) {
  return metric == GraphMetric::kEuclidean ? v1::GRAPH_METRIC_EUCLIDEAN : v1::GRAPH_METRIC_ANGULAR;
}

v1::EdgeWeight ToProto(EdgeWeight weight) {
  switch (weight) {
    case EdgeWeight::kGaussian:
      return v1::EDGE_WEIGHT_GAUSSIAN;
    case EdgeWeight::kSymmetricGaussian:
      return v1::EDGE_WEIGHT_SYMMETRIC_GAUSSIAN;
    case EdgeWeight::kUniform:
      return v1::EDGE_WEIGHT_UNIFORM;
    case EdgeWeight::kDistance:
      return v1::EDGE_WEIGHT_DISTANCE;
    case EdgeWeight::kSingular:
      return v1::EDGE_WEIGHT_SINGULAR;
  }
  return v1::EDGE_WEIGHT_UNSPECIFIED;
}

v1::Descriptor ToProto(Descriptor descriptor) {
  switch (descriptor) {
    case Descriptor::kGeodesic:
      return v1::DESCRIPTOR_GEODESIC;
    case Descriptor::kCosine:
      return v1::DESCRIPTOR_COSINE;
    case Descriptor::kAnchoredHeat:
      return v1::DESCRIPTOR_ANCHORED_HEAT;
    case Descriptor::kHeat:
      return v1::DESCRIPTOR_HEAT;
    case Descriptor::kWave:
      return v1::DESCRIPTOR_WAVE;
    case Descriptor::kLabels:
      return v1::DESCRIPTOR_LABELS;
  }
  return v1::DESCRIPTOR_UNSPECIFIED;
}

v1::MapSolver ToProto(MapSolver solver) {
  if (solver == MapSolver::kAuto) return v1::MAP_SOLVER_UNSPECIFIED;
  return solver == MapSolver::kDirect ? v1::MAP_SOLVER_DIRECT : v1::MAP_SOLVER_ITERATIVE;
}

FunctionalScores FromProto(const v1::FunctionalScores& proto) {
  return {proto.published(),
          proto.official(),
          proto.corrected(),
          proto.overlap(),
          proto.orthogonality_defect(),
          proto.commutator()};
}

Retrieval FromProto(const v1::Retrieval& proto) {
  Retrieval retrieval;
  retrieval.count = proto.count();
  retrieval.aligned = proto.aligned();
  if (proto.has_anchors()) retrieval.anchors = proto.anchors();
  return retrieval;
}

LayerAlignment FromProto(const v1::AlignmentReport& proto) {
  LayerAlignment alignment;
  alignment.input_count_a = proto.input_count_a();
  alignment.input_count_b = proto.input_count_b();
  alignment.graph = proto.graph();
  alignment.function_count = proto.function_count();
  alignment.component_count_a = proto.component_count_a();
  alignment.component_count_b = proto.component_count_b();
  alignment.gap_a = proto.gap_a();
  alignment.gap_b = proto.gap_b();
  alignment.is_known = proto.is_known();
  alignment.descriptor_count = proto.descriptor_count();
  alignment.energy = proto.energy();
  alignment.iteration_count = proto.iteration_count();
  alignment.refinement_count = proto.refinement_count();
  alignment.scores = FromProto(proto.scores());
  if (proto.has_accuracy()) alignment.accuracy = proto.accuracy();
  if (proto.has_retrieval()) alignment.retrieval = FromProto(proto.retrieval());
  if (proto.has_points_retrieval()) {
    alignment.points_retrieval = FromProto(proto.points_retrieval());
  }
  alignment.elapsed_seconds = proto.elapsed_seconds();
  return alignment;
}

absl::Status Broken(absl::string_view what) {
  return absl::InternalError(absl::StrCat("the server sent ", what, " of an alignment"));
}

}  // namespace

v1::AlignLayersRequest ToProto(const AlignmentQuery& query) {
  v1::AlignLayersRequest proto;
  proto.set_layer_a(query.layer_a);
  proto.set_layer_b(query.layer_b);
  proto.set_graph_metric(ToProto(query.graph_metric));
  proto.set_edge_weight(ToProto(query.edge_weight));
  proto.set_neighbor_count(query.neighbor_count);
  proto.set_function_count(query.function_count);
  for (const Anchor& anchor : query.anchors) {
    v1::Anchor* added = proto.add_anchors();
    added->set_input_a(anchor.input_a);
    added->set_input_b(anchor.input_b);
  }
  for (const Descriptor descriptor : query.descriptors) proto.add_descriptors(ToProto(descriptor));
  proto.mutable_labels_a()->Add(query.labels_a.begin(), query.labels_a.end());
  proto.mutable_labels_b()->Add(query.labels_b.begin(), query.labels_b.end());
  proto.mutable_weights()->set_descriptor_weight(query.weights.descriptor);
  proto.mutable_weights()->set_laplacian_weight(query.weights.laplacian);
  proto.mutable_weights()->set_commutativity_weight(query.weights.commutativity);
  proto.set_solver(ToProto(query.solver));
  if (query.refinement_count.has_value()) proto.set_refinement_count(*query.refinement_count);
  proto.set_transfer(query.transfer == TransferKind::kLinear ? v1::TRANSFER_KIND_LINEAR
                                                             : v1::TRANSFER_KIND_ORTHOGONAL);
  proto.set_functions(query.functions);
  proto.set_points(query.points);
  proto.set_truth(query.truth);
  return proto;
}

absl::Status AlignmentReader::Add(const v1::AlignLayersResponse& response) {
  return response.has_report() ? Open(response.report()) : Append(response.block());
}

absl::Status AlignmentReader::Open(const v1::AlignmentReport& report) {
  if (is_open_) return Broken("a second report");
  is_open_ = true;
  alignment_ = FromProto(report);
  int64_t left = kValueLimit;
  for (const v1::AlignmentPart& part : report.parts()) {
    if (part.row_count() < 1 || part.column_count() < 1 ||
        part.row_count() > left / part.column_count()) {
      return Broken("a part of impossible size");
    }
    left -= part.row_count() * part.column_count();
    if (!parts_.emplace(part.kind(), AlignmentMatrix{part.row_count(), part.column_count(), {}})
             .second) {
      return Broken("a part twice");
    }
  }
  return absl::OkStatus();
}

absl::Status AlignmentReader::Append(const v1::AlignmentBlock& block) {
  const auto found = parts_.find(block.kind());
  if (found == parts_.end()) return Broken("a block that was not announced");
  AlignmentMatrix& part = found->second;
  const bool fits = block.first_row() >= 0 && block.first_row() < part.row_count &&
                    block.first_column() >= 0 && block.first_column() < part.column_count &&
                    block.first_row() * part.column_count + block.first_column() ==
                        static_cast<int64_t>(part.values.size()) &&
                    block.row_count() >= 1 &&
                    block.row_count() <= part.row_count - block.first_row() &&
                    block.column_count() >= 1 && block.column_count() <= part.column_count &&
                    (block.row_count() == 1 || block.column_count() == part.column_count) &&
                    block.values_size() == block.row_count() * block.column_count();
  if (!fits) return Broken("a block that is not the next one");
  part.values.insert(part.values.end(), block.values().begin(), block.values().end());
  return absl::OkStatus();
}

absl::StatusOr<LayerAlignment> AlignmentReader::Finish() {
  for (const auto& [kind, part] : parts_) {
    if (static_cast<int64_t>(part.values.size()) != part.row_count * part.column_count) {
      is_open_ = false;
    }
  }
  if (!is_open_) return absl::InternalError("the server did not send the whole alignment");
  alignment_.map = std::move(parts_[v1::ALIGNMENT_PART_KIND_MAP]);
  for (const double match : parts_[v1::ALIGNMENT_PART_KIND_MATCHES].values) {
    alignment_.matches.push_back(static_cast<int64_t>(match));
  }
  alignment_.distortion = std::move(parts_[v1::ALIGNMENT_PART_KIND_DISTORTION].values);
  alignment_.carried_functions = std::move(parts_[v1::ALIGNMENT_PART_KIND_FUNCTIONS]);
  alignment_.carried_points = std::move(parts_[v1::ALIGNMENT_PART_KIND_POINTS]);
  return std::move(alignment_);
}

}  // namespace gramian::client
