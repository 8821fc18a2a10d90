#ifndef GRAMIAN_CLIENT_MATCH_TYPES_H_
#define GRAMIAN_CLIENT_MATCH_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gramian/client/types.h"

namespace gramian::client {

// How each layer of one network finds its counterpart in another.
enum class MatchMethod {
  kArgmax,     // the most similar one, whatever the others take
  kHungarian,  // one-to-one, the total similarity being largest
  kMonotone,   // the total being largest while counterparts never go back in order
};

// Which layers correspond in truth.
enum class MatchTruth { kUnknown, kSameOrder, kSameName };

// Two networks whose layers are to be matched.
struct MatchQuery {
  std::string snapshot_a;  // resource names
  std::string snapshot_b;
  std::string measure = "cka";
  MatchMethod method = MatchMethod::kArgmax;
  MatchTruth truth = MatchTruth::kUnknown;
  std::vector<std::string> layers_a = {};  // module paths; empty means all by ordinal
  std::vector<std::string> layers_b = {};
};

// A layer and its counterpart.
struct LayerMatch {
  std::string layer_a;  // resource name
  std::string label_a;  // module path
  std::string layer_b;  // empty without a counterpart
  std::string label_b;
  Cell score;
  std::string expected_label_b;  // empty if the truth is not known
};

// The counterparts of all layers of a.
struct MatchReport {
  std::string measure;  // canonical name
  bool larger_is_more_similar = true;
  int64_t input_count = 0;
  std::vector<LayerMatch> matches;
  int64_t known_count = 0;         // layers whose true counterpart is known
  int64_t correct_count = 0;       // of them, matched with it
  std::optional<double> accuracy;  // their ratio
  int64_t cached_count = 0;
  double elapsed_seconds = 0;
};

// What the score of two networks is.
enum class NetworkRule {
  kFused,    // of their layers fused by alternating diffusion
  kMatched,  // the mean of their layers matched one-to-one
  kBest,     // of their most similar pair of layers
};

// A network, and where to look for its like.
struct SearchQuery {
  std::string snapshot;                      // resource name
  std::vector<std::string> candidates = {};  // empty means all other networks of the project
  std::string measure = "cka";
  NetworkRule rule = NetworkRule::kFused;
  Fusion fusion = {};  // its layers also restrict the other rules
  int count = 10;      // at most
};

// A network and how alike it is.
struct FoundNetwork {
  std::string snapshot;  // resource name
  std::string label;     // network@step
  Cell score;
};

// The most similar networks.
struct SearchReport {
  std::string measure;  // canonical name
  bool larger_is_more_similar = true;
  int64_t input_count = 0;
  std::vector<FoundNetwork> networks;  // the most similar first
  int64_t candidate_count = 0;
  int64_t skipped_count = 0;  // networks that saw other inputs
  int64_t cached_count = 0;
  double elapsed_seconds = 0;
};

// The distance of two clusters: the mean, or the largest, of their networks' distances.
enum class LinkageMethod { kAverage, kComplete };

// Networks to be shown together.
struct EmbedQuery {
  std::vector<std::string> snapshots;  // resource names
  std::string measure = "cka";
  NetworkRule rule = NetworkRule::kFused;
  Fusion fusion = {};
  int dimension_count = 2;
  LinkageMethod linkage = LinkageMethod::kAverage;
};

// One network in the picture.
struct EmbeddedNetwork {
  std::string snapshot;  // resource name
  std::string label;     // network@step
  bool is_placed = false;
  std::vector<double> coordinates;  // empty unless placed
  std::vector<double> distances;    // to the placed networks, in order
};

// A row of SciPy's linkage matrix, over the placed networks.
struct ClusterMerge {
  int first = 0;
  int second = 0;
  double height = 0;
  int size = 0;
};

// Networks as points of a picture and leaves of a tree.
struct EmbedReport {
  std::string measure;  // canonical name
  int64_t input_count = 0;
  std::vector<EmbeddedNetwork> networks;
  ScoreStatus status = ScoreStatus::kOk;  // why there is neither picture nor tree
  double stress = 0;                      // Kruskal's stress-1; 0 is exact
  int iteration_count = 0;
  std::vector<ClusterMerge> merges;
  std::vector<int> leaf_order;  // positions in `networks`
  int64_t cached_count = 0;
  double elapsed_seconds = 0;
};

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_MATCH_TYPES_H_
