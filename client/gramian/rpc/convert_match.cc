#include "gramian/rpc/convert_match.h"

#include "gramian/rpc/convert.h"

namespace gramian::client {
namespace {

v1::MatchMethod ToProto(MatchMethod method) {
  switch (method) {
    case MatchMethod::kArgmax:
      return v1::MATCH_METHOD_ARGMAX;
    case MatchMethod::kHungarian:
      return v1::MATCH_METHOD_HUNGARIAN;
    case MatchMethod::kMonotone:
      return v1::MATCH_METHOD_MONOTONE;
  }
  return v1::MATCH_METHOD_UNSPECIFIED;
}

v1::MatchTruth ToProto(MatchTruth truth) {
  switch (truth) {
    case MatchTruth::kUnknown:
      return v1::MATCH_TRUTH_UNSPECIFIED;
    case MatchTruth::kSameOrder:
      return v1::MATCH_TRUTH_SAME_ORDER;
    case MatchTruth::kSameName:
      return v1::MATCH_TRUTH_SAME_NAME;
  }
  return v1::MATCH_TRUTH_UNSPECIFIED;
}

v1::NetworkRule ToProto(NetworkRule rule) {
  switch (rule) {
    case NetworkRule::kFused:
      return v1::NETWORK_RULE_FUSED;
    case NetworkRule::kMatched:
      return v1::NETWORK_RULE_MATCHED;
    case NetworkRule::kBest:
      return v1::NETWORK_RULE_BEST;
  }
  return v1::NETWORK_RULE_UNSPECIFIED;
}

LayerMatch FromProto(const v1::LayerMatch& proto) {
  LayerMatch match;
  match.layer_a = proto.layer_a();
  match.label_a = proto.label_a();
  match.layer_b = proto.layer_b();
  match.label_b = proto.label_b();
  match.score.status = client::FromProto(proto.status());
  if (proto.has_value()) match.score.value = proto.value();
  match.expected_label_b = proto.expected_label_b();
  return match;
}

}  // namespace

v1::MatchLayersRequest ToProto(const MatchQuery& query) {
  v1::MatchLayersRequest proto;
  proto.set_snapshot_a(query.snapshot_a);
  proto.set_snapshot_b(query.snapshot_b);
  proto.set_measure(query.measure);
  proto.set_method(ToProto(query.method));
  proto.set_truth(ToProto(query.truth));
  for (const std::string& layer : query.layers_a) proto.add_layers_a(layer);
  for (const std::string& layer : query.layers_b) proto.add_layers_b(layer);
  return proto;
}

v1::SearchNetworksRequest ToProto(const SearchQuery& query) {
  v1::SearchNetworksRequest proto;
  proto.set_snapshot(query.snapshot);
  for (const std::string& candidate : query.candidates) proto.add_candidates(candidate);
  proto.set_measure(query.measure);
  proto.set_rule(ToProto(query.rule));
  *proto.mutable_fusion() = ToProto(query.fusion);
  proto.set_count(query.count);
  return proto;
}

v1::EmbedNetworksRequest ToProto(const EmbedQuery& query) {
  v1::EmbedNetworksRequest proto;
  for (const std::string& snapshot : query.snapshots) proto.add_snapshots(snapshot);
  proto.set_measure(query.measure);
  proto.set_rule(ToProto(query.rule));
  *proto.mutable_fusion() = ToProto(query.fusion);
  proto.set_dimension_count(query.dimension_count);
  proto.set_linkage(query.linkage == LinkageMethod::kAverage ? v1::LINKAGE_METHOD_AVERAGE
                                                             : v1::LINKAGE_METHOD_COMPLETE);
  return proto;
}

MatchReport FromProto(const v1::MatchLayersResponse& proto) {
  MatchReport report;
  report.measure = proto.measure();
  report.larger_is_more_similar = proto.larger_is_more_similar();
  report.input_count = proto.input_count();
  for (const v1::LayerMatch& match : proto.matches()) report.matches.push_back(FromProto(match));
  report.known_count = proto.known_count();
  report.correct_count = proto.correct_count();
  if (proto.has_accuracy()) report.accuracy = proto.accuracy();
  report.cached_count = proto.cached_count();
  report.elapsed_seconds = proto.elapsed_seconds();
  return report;
}

SearchReport FromProto(const v1::SearchNetworksResponse& proto) {
  SearchReport report;
  report.measure = proto.measure();
  report.larger_is_more_similar = proto.larger_is_more_similar();
  report.input_count = proto.input_count();
  for (const v1::FoundNetwork& network : proto.networks()) {
    report.networks.push_back(
        {network.snapshot(), network.label(), MakeCell(network.status(), network.value())});
  }
  report.candidate_count = proto.candidate_count();
  report.skipped_count = proto.skipped_count();
  report.cached_count = proto.cached_count();
  report.elapsed_seconds = proto.elapsed_seconds();
  return report;
}

EmbedReport FromProto(const v1::EmbedNetworksResponse& proto) {
  EmbedReport report;
  report.measure = proto.measure();
  report.input_count = proto.input_count();
  for (const v1::EmbeddedNetwork& network : proto.networks()) {
    report.networks.push_back({network.snapshot(),
                               network.label(),
                               network.is_placed(),
                               {network.coordinates().begin(), network.coordinates().end()},
                               {network.distances().begin(), network.distances().end()}});
  }
  report.status = client::FromProto(proto.status());
  report.stress = proto.stress();
  report.iteration_count = proto.iteration_count();
  for (const v1::ClusterMerge& merge : proto.merges()) {
    report.merges.push_back({merge.first(), merge.second(), merge.height(), merge.size()});
  }
  report.leaf_order.assign(proto.leaf_order().begin(), proto.leaf_order().end());
  report.cached_count = proto.cached_count();
  report.elapsed_seconds = proto.elapsed_seconds();
  return report;
}

}  // namespace gramian::client
