#include "gramian/engine/network_scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/engine/layer_correspondence.h"
#include "gramian/measure/layer_match.h"

namespace gramian {
namespace {

std::vector<OperandSource> FusedOf(const std::vector<NetworkSource>& networks) {
  std::vector<OperandSource> fused;
  for (const NetworkSource& network : networks) fused.push_back(network.fused);
  return fused;
}

bool IsMoreSimilar(double a, double b, bool larger) { return larger ? a > b : a < b; }

// Two networks by their layers.
absl::StatusOr<Score> ScoreByLayers(const ComputeContext& context, Scorer& scorer,
                                    const SimilarityMeasure& measure, NetworkRule rule,
                                    const NetworkSource& a, const NetworkSource& b,
                                    int64_t& cached) {
  const bool larger = measure.traits().larger_is_more_similar;
  const auto cols = static_cast<Index>(b.layers.size());
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Score> scores,
                           ScorePairs(context, scorer, measure, a.layers, b.layers, cached));
  if (rule == NetworkRule::kBest) {
    Score best = scores.front();
    for (const Score& score : scores) {
      if (score.status != ScoreStatus::kOk) continue;
      if (best.status != ScoreStatus::kOk || IsMoreSimilar(score.value, best.value, larger)) {
        best = score;
      }
    }
    return best;
  }
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Index> columns,
                           MatchRows(context, scores, static_cast<Index>(a.layers.size()), cols,
                                     larger, MatchMethod::kHungarian));
  Score mean = scores.front();
  double sum = 0.0;
  double count = 0.0;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] < 0) continue;
    const Score& matched = scores[i * b.layers.size() + static_cast<size_t>(columns[i])];
    mean.form = matched.form;
    sum += matched.value;
    count += 1.0;
  }
  if (count == 0.0) return mean;
  mean.status = ScoreStatus::kOk;
  mean.value = sum / count;
  return mean;
}

bool IsBefore(const Score& a, const Score& b, bool larger) {
  if (a.status != ScoreStatus::kOk || b.status != ScoreStatus::kOk) {
    return a.status == ScoreStatus::kOk && b.status != ScoreStatus::kOk;
  }
  return IsMoreSimilar(a.value, b.value, larger);
}

double ToDistance(const MeasureTraits& traits, NetworkRule rule, double score) {
  // Means of cosines, and the largest of some, are no cosines of points.
  if (traits.space == ScoreSpace::kCosine && rule == NetworkRule::kFused) {
    return std::acos(std::clamp(score, -1.0, 1.0));
  }
  return std::max(traits.larger_is_more_similar ? traits.range_max - score : score, 0.0);
}

// Distances of the placed networks; false if a pair has no score, whose status is in `map` then.
bool FillDistances(const MeasureTraits& traits, NetworkRule rule, const std::vector<Score>& scores,
                   NetworkMap& map) {
  std::vector<size_t> placed;
  for (size_t i = 0; i < map.placed.size(); ++i) {
    if (map.placed[i]) placed.push_back(i);
  }
  const auto count = static_cast<Index>(placed.size());
  map.distances = Matrix::Zero(count, count);
  for (Index i = 0; i < count; ++i) {
    for (Index j = 0; j < count; ++j) {
      if (i == j) continue;
      const Score& score = scores[placed[static_cast<size_t>(i)] * map.placed.size() +
                                  placed[static_cast<size_t>(j)]];
      if (score.status != ScoreStatus::kOk) {
        map.status = score.status;
        return false;
      }
      map.distances(i, j) = ToDistance(traits, rule, score.value);
    }
  }
  return true;
}

}  // namespace

absl::Status CheckRule(const SimilarityMeasure& measure, NetworkRule rule) {
  if (rule != NetworkRule::kFused || measure.traits().applies_to_networks) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "measure '", measure.name(),
      "' compares layers, not fused networks; compare them by matched or best layers"));
}

absl::StatusOr<std::vector<Score>> ScoreNetworks(const ComputeContext& context, Scorer& scorer,
                                                 const SimilarityMeasure& measure, NetworkRule rule,
                                                 const std::vector<NetworkSource>& rows,
                                                 const std::vector<NetworkSource>& cols,
                                                 int64_t& cached) {
  GRAMIAN_RETURN_IF_ERROR(CheckRule(measure, rule));
  if (rule == NetworkRule::kFused) {
    return ScorePairs(context, scorer, measure, FusedOf(rows), FusedOf(cols), cached);
  }
  std::vector<Score> scores(rows.size() * cols.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = 0; j < cols.size(); ++j) {
      GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
      // The lower half of a matrix with itself is that of the upper.
      const bool is_mirrored = &rows == &cols && j < i;
      if (is_mirrored) {
        scores[i * cols.size() + j] = scores[j * cols.size() + i];
        continue;
      }
      GRAMIAN_ASSIGN_OR_RETURN(
          scores[i * cols.size() + j],
          ScoreByLayers(context, scorer, measure, rule, rows[i], cols[j], cached));
    }
  }
  return scores;
}

absl::StatusOr<NetworkSearch> SearchNetworks(const ComputeContext& context, Scorer& scorer,
                                             const SimilarityMeasure& measure, NetworkRule rule,
                                             const NetworkSource& query,
                                             const std::vector<NetworkSource>& candidates,
                                             int64_t count) {
  NetworkSearch search;
  search.measure = measure.name();
  search.rows = query.layers.front().rows();
  search.compared = static_cast<int64_t>(candidates.size());
  GRAMIAN_RETURN_IF_ERROR(CheckRule(measure, rule));
  if (candidates.empty()) return search;
  GRAMIAN_ASSIGN_OR_RETURN(
      const std::vector<Score> scores,
      ScoreNetworks(context, scorer, measure, rule, {query}, candidates, search.cached));
  for (size_t i = 0; i < candidates.size(); ++i) {
    search.found.push_back({candidates[i].snapshot, scores[i]});
  }
  const bool larger = measure.traits().larger_is_more_similar;
  std::stable_sort(search.found.begin(), search.found.end(),
                   [&](const FoundNetwork& a, const FoundNetwork& b) {
                     return IsBefore(a.score, b.score, larger);
                   });
  search.found.resize(std::min(search.found.size(), static_cast<size_t>(count)));
  return search;
}

absl::StatusOr<NetworkMap> MapNetworks(const ComputeContext& context, Scorer& scorer,
                                       const SimilarityMeasure& measure, NetworkRule rule,
                                       const std::vector<NetworkSource>& networks, Index dimensions,
                                       LinkageMethod linkage) {
  const MeasureTraits& traits = measure.traits();
  if (traits.larger_is_more_similar && !std::isfinite(traits.range_max)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the scores of measure '", measure.name(),
                     "' have no largest value to take distances from"));
  }
  NetworkMap map;
  map.measure = measure.name();
  map.rows = networks.front().layers.front().rows();
  GRAMIAN_ASSIGN_OR_RETURN(
      const std::vector<Score> scores,
      ScoreNetworks(context, scorer, measure, rule, networks, networks, map.cached));
  for (size_t i = 0; i < networks.size(); ++i) {
    map.placed.push_back(scores[i * networks.size() + i].status == ScoreStatus::kOk);
  }
  if (std::find(map.placed.begin(), map.placed.end(), true) == map.placed.end()) {
    map.status = scores.front().status;
    return map;
  }
  if (!FillDistances(traits, rule, scores, map)) return map;
  GRAMIAN_ASSIGN_OR_RETURN(map.picture, EmbedMetric(context, map.distances, dimensions));
  GRAMIAN_ASSIGN_OR_RETURN(map.tree, ClusterHierarchically(context, map.distances, linkage));
  return map;
}

}  // namespace gramian
