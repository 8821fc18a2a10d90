// How alike whole networks are: fused, or by their layers; the nearest of one, and a map of many.
#ifndef GRAMIAN_ENGINE_NETWORK_SCORES_H_
#define GRAMIAN_ENGINE_NETWORK_SCORES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/engine/operand_source.h"
#include "gramian/engine/score_matrix.h"
#include "gramian/measure/linkage.h"
#include "gramian/measure/measure.h"
#include "gramian/measure/metric_mds.h"
#include "gramian/store/layer.h"

namespace gramian {

// What the score of two networks is, by a measure of layers.
enum class NetworkRule {
  kFused,    // that of their operators fused by alternating diffusion
  kMatched,  // the mean score of their layers matched one-to-one (MatchMethod::kHungarian)
  kBest,     // the score of their most similar pair of layers
};

// A network with what each rule needs of it.
struct NetworkSource {
  SnapshotKey snapshot;
  OperandSource fused;
  std::vector<OperandSource> layers;
};

// INVALID_ARGUMENT if the measure does not compare networks by this rule.
absl::Status CheckRule(const SimilarityMeasure& measure, NetworkRule rule);

// rows x cols scores of networks over the same n inputs, row-major, symmetric for equal sides;
// asymmetric measures count in both directions (means). A pair of networks has no score if no pair
// of layers that the rule takes has one. Costs the scores of all pairs of layers (or of fused
// networks), through the scorer and its result store. Errors of CheckRule, Scorer, MatchRows.
absl::StatusOr<std::vector<Score>> ScoreNetworks(const ComputeContext& context, Scorer& scorer,
                                                 const SimilarityMeasure& measure, NetworkRule rule,
                                                 const std::vector<NetworkSource>& rows,
                                                 const std::vector<NetworkSource>& cols,
                                                 int64_t& cached);

// One network that was found.
struct FoundNetwork {
  SnapshotKey snapshot;
  Score score;
};

// The networks nearest to one.
struct NetworkSearch {
  std::string measure;  // canonical name
  int64_t rows = 0;     // n
  // The most similar first, among equals in the order of the candidates; those without a score
  // last. At most as many as asked for.
  std::vector<FoundNetwork> found;
  int64_t compared = 0;  // candidates
  int64_t skipped = 0;   // networks of the project that saw other inputs
  int64_t cached = 0;
};

// At most `count` >= 1 of the candidates. Errors of ScoreNetworks.
absl::StatusOr<NetworkSearch> SearchNetworks(const ComputeContext& context, Scorer& scorer,
                                             const SimilarityMeasure& measure, NetworkRule rule,
                                             const NetworkSource& query,
                                             const std::vector<NetworkSource>& candidates,
                                             int64_t count);

// Networks as points of a picture and leaves of a tree. What has no score with itself (constant
// layers) is not placed.
struct NetworkMap {
  std::string measure;       // canonical name
  int64_t rows = 0;          // n
  std::vector<bool> placed;  // K
  // Other than kOk: some pair of placed networks has no score, or nothing is placed; nothing below
  // holds.
  ScoreStatus status = ScoreStatus::kOk;
  Matrix distances;      // of the P placed networks
  MdsEmbedding picture;  // P points
  Dendrogram tree;       // P leaves
  int64_t cached = 0;
};

// Distances are arcs where scores of fused networks are cosines of points (ScoreSpace::kCosine),
// the scores themselves where smaller is more similar, else range_max - score; never below 0.
// INVALID_ARGUMENT if range_max is infinite then. K^2 scores, and the costs of EmbedMetric and
// ClusterHierarchically.
absl::StatusOr<NetworkMap> MapNetworks(const ComputeContext& context, Scorer& scorer,
                                       const SimilarityMeasure& measure, NetworkRule rule,
                                       const std::vector<NetworkSource>& networks, Index dimensions,
                                       LinkageMethod linkage);

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_NETWORK_SCORES_H_
