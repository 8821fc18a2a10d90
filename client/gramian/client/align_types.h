#ifndef GRAMIAN_CLIENT_ALIGN_TYPES_H_
#define GRAMIAN_CLIENT_ALIGN_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gramian::client {

// The distance of two inputs in a graph of nearest neighbours.
enum class GraphMetric { kAngular, kEuclidean };

// The weight of an edge of length d: exp(-4 d^2 / d_i^2), d_i the distance to the last neighbour;
// the same over d_i d_j; 1; d; 1 / d.
enum class EdgeWeight { kGaussian, kSymmetricGaussian, kUniform, kDistance, kSingular };

// Functions that two layers should agree on. Geodesic, cosine and anchored heat need anchors,
// labels need labels.
enum class Descriptor { kGeodesic, kCosine, kAnchoredHeat, kHeat, kWave, kLabels };

// How the energy of a map is minimised; both give the same map.
enum class MapSolver { kAuto, kDirect, kIterative };

// How points are carried over: by the best rotation or by the best linear map.
enum class TransferKind { kOrthogonal, kLinear };

// Two inputs, counted from 0, that correspond.
struct Anchor {
  int64_t input_a = 0;
  int64_t input_b = 0;
};

// Weights of the terms of the energy, >= 0; those of the paper's code.
struct MapWeights {
  double descriptor = 1;
  double laplacian = 1e-3;
  double commutativity = 1e-1;
};

// Two layers to align by a functional map.
struct AlignmentQuery {
  std::string layer_a;  // resource name of the one that is mapped from
  std::string layer_b;  // and to; it may have other inputs and features
  GraphMetric graph_metric = GraphMetric::kAngular;
  EdgeWeight edge_weight = EdgeWeight::kGaussian;
  int64_t neighbor_count = 0;   // 0 means n / 20, from 30 to 300
  int64_t function_count = 50;  // of each basis, 3 to 500
  std::vector<Anchor> anchors;  // at most 2000
  // Empty: geodesics of the anchors; without anchors the layers must have seen the same inputs, and
  // the map is that of input i to input i.
  std::vector<Descriptor> descriptors;
  std::vector<int64_t> labels_a;  // one for each input, for Descriptor::kLabels
  std::vector<int64_t> labels_b;
  MapWeights weights;
  MapSolver solver = MapSolver::kAuto;
  std::optional<int64_t> refinement_count;  // steps of ZoomOut; not given: 10 for a fitted map
  TransferKind transfer = TransferKind::kOrthogonal;
  // Resource names of layers to carry over, may be empty: each feature a function on the inputs of
  // layer_a; points in the space of layer_a; where they should come to lie.
  std::string functions;
  std::string points;
  std::string truth;
};

// Scores of a map C; D is C without its first row and column, which nearly any correspondence maps
// to each other.
struct FunctionalScores {
  double published = 0;             // 1 - |off(C'C)|^2 / |C'C|^2
  double official = 0;              // the same without squares, as in the paper's code
  double corrected = 0;             // as official, the mean of D'D and DD'
  double overlap = 0;               // |D|^2 / (k - 1)
  double orthogonality_defect = 0;  // |C'C - I| / sqrt k
  double commutator = 0;            // |C La - Lb C| / (|C La| + |Lb C|)
};

// Mean reciprocal ranks of a transfer: 1 if every point finds its truth first.
struct Retrieval {
  int64_t count = 0;              // points
  double aligned = 0;             // fitted to the matches of all inputs
  std::optional<double> anchors;  // fitted to the anchors alone
};

// row_count x column_count values, row-major.
struct AlignmentMatrix {
  int64_t row_count = 0;
  int64_t column_count = 0;
  std::vector<double> values;
};

// The answer.
struct LayerAlignment {
  int64_t input_count_a = 0;
  int64_t input_count_b = 0;
  std::string graph;              // as understood
  int64_t function_count = 0;     // k
  int64_t component_count_a = 0;  // of the graphs, before their shortest links connected them
  int64_t component_count_b = 0;
  double gap_a = 0;  // of eigenvalues k and k + 1; near 0 the scores depend on chance
  double gap_b = 0;
  bool is_known = false;  // the map of a known correspondence; else fitted
  int64_t descriptor_count = 0;
  double energy = 0;
  int64_t iteration_count = 0;
  int64_t refinement_count = 0;
  FunctionalScores scores;
  std::optional<double> accuracy;             // where both saw the same inputs: share matched right
  std::optional<Retrieval> retrieval;         // and how well the transfer finds them
  std::optional<Retrieval> points_retrieval;  // of the points, with a truth
  double elapsed_seconds = 0;
  AlignmentMatrix map;                // k x k: coefficients on layer_a to those on layer_b
  std::vector<int64_t> matches;       // for each input of layer_b that of layer_a
  std::vector<double> distortion;     // for each input of layer_b
  AlignmentMatrix carried_functions;  // on the inputs of layer_b; empty unless asked for
  AlignmentMatrix carried_points;     // in the space of layer_b; empty unless asked for
};

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_ALIGN_TYPES_H_
