#include "server/match_answer.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/measure/measure_registry.h"
#include "server/convert.h"
#include "server/resource_name.h"

namespace gramian {
namespace {

using MeasurePtr = std::shared_ptr<const SimilarityMeasure>;
using Names = google::protobuf::RepeatedPtrField<std::string>;

constexpr int kDefaultFound = 10;
constexpr int kDefaultDimensions = 2;
constexpr int kMaxDimensions = 64;

absl::Status UnknownChoice(const char* what, int value) {
  return absl::InvalidArgumentError(absl::StrCat(what, " ", value, " is not known"));
}

absl::StatusOr<MatchMethod> ToMethod(v1::MatchMethod method) {
  switch (method) {
    case v1::MATCH_METHOD_UNSPECIFIED:
    case v1::MATCH_METHOD_ARGMAX:
      return MatchMethod::kArgmax;
    case v1::MATCH_METHOD_HUNGARIAN:
      return MatchMethod::kHungarian;
    case v1::MATCH_METHOD_MONOTONE:
      return MatchMethod::kMonotone;
    default:
      return UnknownChoice("match method", method);
  }
}

absl::StatusOr<MatchTruth> ToTruth(v1::MatchTruth truth) {
  switch (truth) {
    case v1::MATCH_TRUTH_UNSPECIFIED:
      return MatchTruth::kNone;
    case v1::MATCH_TRUTH_SAME_ORDER:
      return MatchTruth::kSameOrder;
    case v1::MATCH_TRUTH_SAME_NAME:
      return MatchTruth::kSameName;
    default:
      return UnknownChoice("match truth", truth);
  }
}

absl::StatusOr<NetworkRule> ToRule(v1::NetworkRule rule) {
  switch (rule) {
    case v1::NETWORK_RULE_UNSPECIFIED:
    case v1::NETWORK_RULE_FUSED:
      return NetworkRule::kFused;
    case v1::NETWORK_RULE_MATCHED:
      return NetworkRule::kMatched;
    case v1::NETWORK_RULE_BEST:
      return NetworkRule::kBest;
    default:
      return UnknownChoice("network rule", rule);
  }
}

absl::StatusOr<LinkageMethod> ToLinkage(v1::LinkageMethod linkage) {
  switch (linkage) {
    case v1::LINKAGE_METHOD_UNSPECIFIED:
    case v1::LINKAGE_METHOD_AVERAGE:
      return LinkageMethod::kAverage;
    case v1::LINKAGE_METHOD_COMPLETE:
      return LinkageMethod::kComplete;
    default:
      return UnknownChoice("linkage method", linkage);
  }
}

absl::StatusOr<MeasurePtr> ToMeasure(const std::string& name) {
  return MeasureRegistry::Parse(name.empty() ? "cka" : name);
}

absl::Status CheckCount(int64_t count, int64_t least, int64_t limit, const char* what) {
  if (count >= least && count <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is ", count, ", must be from ", least, " to ", limit));
}

absl::StatusOr<std::vector<SnapshotSelection>> ToSelections(ServerState& state,
                                                            const Names& snapshots,
                                                            const Names& layers) {
  std::vector<SnapshotSelection> selections;
  for (const std::string& snapshot : snapshots) {
    GRAMIAN_ASSIGN_OR_RETURN(selections.emplace_back(),
                             ToSelection(state.engine.store(), state.options, snapshot, layers));
  }
  return selections;
}

v1::LayerMatch ToProto(const LayerCorrespondence& found, size_t row) {
  const LayerMatch& match = found.matches[row];
  const auto column_layer = [&](Index column) -> const LayerKey& {
    return found.column_layers[static_cast<size_t>(column)];
  };
  v1::LayerMatch result;
  result.set_layer_a(FormatLayer(found.row_layers[row]));
  result.set_label_a(found.row_layers[row].layer);
  result.set_status(ToProto(match.score.status));
  if (match.column >= 0) {
    result.set_layer_b(FormatLayer(column_layer(match.column)));
    result.set_label_b(column_layer(match.column).layer);
    result.set_value(match.score.value);
  }
  if (match.expected >= 0) result.set_expected_label_b(column_layer(match.expected).layer);
  return result;
}

// One network, of which the `place`-th placed one has this place in the map.
void FillPlace(const NetworkMap& map, Index place, v1::EmbeddedNetwork& result) {
  for (const double coordinate : map.picture.coordinates.row(place)) {
    result.add_coordinates(coordinate);
  }
  for (const double distance : map.distances.row(place)) result.add_distances(distance);
}

void FillTree(const Dendrogram& tree, const std::vector<int>& networks,
              v1::EmbedNetworksResponse& response) {
  for (const Merge& merge : tree.merges) {
    v1::ClusterMerge& added = *response.add_merges();
    added.set_first(static_cast<int>(merge.first));
    added.set_second(static_cast<int>(merge.second));
    added.set_height(merge.height);
    added.set_size(static_cast<int>(merge.size));
  }
  for (const Index leaf : tree.leaf_order) {
    response.add_leaf_order(networks[static_cast<size_t>(leaf)]);
  }
}

void Fill(const NetworkMap& map, const std::vector<SnapshotSelection>& networks,
          v1::EmbedNetworksResponse& response) {
  response.set_measure(map.measure);
  response.set_input_count(map.rows);
  response.set_status(ToProto(map.status));
  response.set_cached_count(map.cached);
  const bool is_mapped = map.status == ScoreStatus::kOk;
  std::vector<int> placed;
  for (size_t i = 0; i < networks.size(); ++i) {
    v1::EmbeddedNetwork& network = *response.add_networks();
    network.set_snapshot(FormatSnapshot(networks[i].snapshot));
    network.set_label(SnapshotLabel(networks[i].snapshot));
    network.set_is_placed(map.placed[i] && is_mapped);
    if (!network.is_placed()) continue;
    FillPlace(map, static_cast<Index>(placed.size()), network);
    placed.push_back(static_cast<int>(i));
  }
  if (!is_mapped) return;
  response.set_stress(map.picture.stress);
  response.set_iteration_count(map.picture.iterations);
  FillTree(map.tree, placed, response);
}

}  // namespace

absl::Status AnswerMatch(ServerState& state, const v1::MatchLayersRequest& request,
                         v1::MatchLayersResponse& response, std::stop_token stop) {
  const auto start = std::chrono::steady_clock::now();
  const ActivationStore& store = state.engine.store();
  GRAMIAN_ASSIGN_OR_RETURN(const MatchMethod method, ToMethod(request.method()));
  GRAMIAN_ASSIGN_OR_RETURN(const MatchTruth truth, ToTruth(request.truth()));
  GRAMIAN_ASSIGN_OR_RETURN(const MeasurePtr measure, ToMeasure(request.measure()));
  GRAMIAN_ASSIGN_OR_RETURN(
      const SnapshotSelection a,
      ToSelection(store, state.options, request.snapshot_a(), request.layers_a()));
  GRAMIAN_ASSIGN_OR_RETURN(
      const SnapshotSelection b,
      ToSelection(store, state.options, request.snapshot_b(), request.layers_b()));
  GRAMIAN_ASSIGN_OR_RETURN(
      const LayerCorrespondence found,
      state.engine.MatchLayers(a, b, measure->name(), method, truth, std::move(stop)));
  response.set_measure(found.measure);
  response.set_larger_is_more_similar(measure->traits().larger_is_more_similar);
  response.set_input_count(found.rows);
  for (size_t i = 0; i < found.matches.size(); ++i) *response.add_matches() = ToProto(found, i);
  response.set_known_count(found.known);
  response.set_correct_count(found.correct);
  if (found.known > 0) {
    response.set_accuracy(static_cast<double>(found.correct) / static_cast<double>(found.known));
  }
  response.set_cached_count(found.cached);
  response.set_elapsed_seconds(SecondsSince(start));
  return absl::OkStatus();
}

absl::Status AnswerSearch(ServerState& state, const v1::SearchNetworksRequest& request,
                          v1::SearchNetworksResponse& response, std::stop_token stop) {
  const auto start = std::chrono::steady_clock::now();
  const int64_t limit = state.options.max_networks;
  const int count = request.count() == 0 ? kDefaultFound : request.count();
  GRAMIAN_RETURN_IF_ERROR(CheckCount(count, 1, limit, "count"));
  GRAMIAN_RETURN_IF_ERROR(
      CheckCount(request.candidates_size(), 0, limit, "the number of candidates"));
  GRAMIAN_ASSIGN_OR_RETURN(const NetworkRule rule, ToRule(request.rule()));
  GRAMIAN_ASSIGN_OR_RETURN(const Fusion fusion, ToFusion(request.fusion()));
  GRAMIAN_ASSIGN_OR_RETURN(const MeasurePtr measure, ToMeasure(request.measure()));
  const Names& layers = request.fusion().layers();
  GRAMIAN_ASSIGN_OR_RETURN(
      const SnapshotSelection query,
      ToSelection(state.engine.store(), state.options, request.snapshot(), layers));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<SnapshotSelection> candidates,
                           ToSelections(state, request.candidates(), layers));
  GRAMIAN_ASSIGN_OR_RETURN(const NetworkSearch search,
                           state.engine.SearchNetworks(query, candidates, measure->name(), rule,
                                                       fusion, count, std::move(stop)));
  response.set_measure(search.measure);
  response.set_larger_is_more_similar(measure->traits().larger_is_more_similar);
  response.set_input_count(search.rows);
  for (const FoundNetwork& found : search.found) {
    v1::FoundNetwork& added = *response.add_networks();
    added.set_snapshot(FormatSnapshot(found.snapshot));
    added.set_label(SnapshotLabel(found.snapshot));
    added.set_status(ToProto(found.score.status));
    if (found.score.status == ScoreStatus::kOk) added.set_value(found.score.value);
  }
  response.set_candidate_count(search.compared);
  response.set_skipped_count(search.skipped);
  response.set_cached_count(search.cached);
  response.set_elapsed_seconds(SecondsSince(start));
  return absl::OkStatus();
}

absl::Status AnswerEmbedding(ServerState& state, const v1::EmbedNetworksRequest& request,
                             v1::EmbedNetworksResponse& response, std::stop_token stop) {
  const auto start = std::chrono::steady_clock::now();
  const int dimensions =
      request.dimension_count() == 0 ? kDefaultDimensions : request.dimension_count();
  GRAMIAN_RETURN_IF_ERROR(CheckCount(dimensions, 1, kMaxDimensions, "dimension_count"));
  GRAMIAN_RETURN_IF_ERROR(CheckCount(request.snapshots_size(), 1, state.options.max_networks,
                                     "the number of snapshots"));
  GRAMIAN_ASSIGN_OR_RETURN(const NetworkRule rule, ToRule(request.rule()));
  GRAMIAN_ASSIGN_OR_RETURN(const LinkageMethod linkage, ToLinkage(request.linkage()));
  GRAMIAN_ASSIGN_OR_RETURN(const Fusion fusion, ToFusion(request.fusion()));
  GRAMIAN_ASSIGN_OR_RETURN(const MeasurePtr measure, ToMeasure(request.measure()));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<SnapshotSelection> networks,
                           ToSelections(state, request.snapshots(), request.fusion().layers()));
  GRAMIAN_ASSIGN_OR_RETURN(const NetworkMap map,
                           state.engine.EmbedNetworks(networks, measure->name(), rule, fusion,
                                                      dimensions, linkage, std::move(stop)));
  Fill(map, networks, response);
  response.set_elapsed_seconds(SecondsSince(start));
  return absl::OkStatus();
}

}  // namespace gramian
