// The graph of nearest neighbours of a layer: where functions on its inputs are smooth.
#ifndef GRAMIAN_GEOMETRY_NEIGHBOR_GRAPH_H_
#define GRAMIAN_GEOMETRY_NEIGHBOR_GRAPH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/representation/representation.h"

namespace gramian {

// The distance d of two inputs.
enum class GraphMetric {
  kAngular,    // of the rows scaled to unit length, sqrt(2 - 2 cos); a row of zeros is at right
               // angles, sqrt 2, to every other
  kEuclidean,  // |x_i - x_j|
};

// The weight w of the edge from i to one of its k nearest neighbours j; d_i is the distance of i to
// the k-th.
enum class EdgeWeight {
  kGaussian,           // exp(-4 d^2 / d_i^2), both directions averaged
  kSymmetricGaussian,  // exp(-4 d^2 / (d_i d_j))
  kUniform,            // 1
  kDistance,           // d: the farther, the heavier, as in the authors' notebooks
  kSingular,           // 1 / d; 1 where d = 0
};

const char* ToString(GraphMetric metric);  // "angular", "euclidean"
// "gaussian", "symgaussian", "uniform", "distance", "singular".
const char* ToString(EdgeWeight weight);
// INVALID_ARGUMENT lists what there is.
absl::StatusOr<GraphMetric> ParseGraphMetric(absl::string_view text);
absl::StatusOr<EdgeWeight> ParseEdgeWeight(absl::string_view text);

struct GraphSpec {
  GraphMetric metric = GraphMetric::kAngular;
  EdgeWeight weight = EdgeWeight::kGaussian;
  int64_t neighbors = 0;  // k, without the input itself; 0 means n / 20, from 30 to 300

  // k for n inputs: at most n - 1.
  int64_t NeighborCount(int64_t n) const;
  // As in names of measures: "graph=angular-weights=gaussian-neighbors=auto".
  std::string ToString() const;
};

// Undirected and connected: where the neighbours alone leave several components, the shortest links
// between them are added (the minimum spanning tree), as light as the lightest edge. Weights of an
// edge that only one end has among its neighbours, or both with different weights, are averaged
// (kGaussian) or the larger is taken. Immutable.
class NeighborGraph {
 public:
  // n >= 2. That of Neighbors, and O(n k (d + log k)); 2 n^2 d flops more for every doubling of
  // what is connected, if it is not. Scratch 8 n d + 112 n k bytes. CANCELLED; RESOURCE_EXHAUSTED.
  static absl::StatusOr<std::shared_ptr<const NeighborGraph>> Compute(const ComputeContext& context,
                                                                      const Representation& layer,
                                                                      const GraphSpec& spec);

  int64_t rows() const { return rows_; }
  const GraphSpec& spec() const { return spec_; }
  // Whether all inputs are alike, so that the graph says nothing of them.
  bool is_constant() const { return is_constant_; }
  // Components before links were added.
  int64_t component_count() const { return component_count_; }

  // The neighbours of i in the graph, ascending, and the lengths d of the edges to them.
  absl::Span<const int32_t> Of(int64_t i) const;
  absl::Span<const double> LengthsOf(int64_t i) const;
  // w_ij / sqrt(w_i w_j) of the same edges, w_i being the sum of the weights at i.
  absl::Span<const double> NormalizedWeightsOf(int64_t i) const;
  // w_i, n.
  const Vector& degrees() const { return degrees_; }

  // y = D^-1/2 W D^-1/2 x, n each: the identity minus the normalised Laplacian.
  absl::Status Multiply(const ComputeContext& context, const double* x, double* y) const;
  // Lengths of the shortest paths from `source` to every input, n. O(n k log n).
  Vector PathLengths(int64_t source) const;

  int64_t size_bytes() const;

 private:
  struct Edge;
  absl::Status Connect(const ComputeContext& context, const Representation& layer,
                       std::vector<Edge>& edges);
  absl::Status Assemble(const ComputeContext& context, const std::vector<Edge>& edges);
  static Edge* Merge(Edge* first, Edge* last, bool is_averaged);
  absl::Span<const double> Slice(const std::vector<double>& values, int64_t i) const;

  int64_t rows_ = 0;
  GraphSpec spec_;
  bool is_constant_ = false;
  int64_t component_count_ = 1;
  std::vector<int64_t> begins_;   // n + 1: edges of i are [begins_[i], begins_[i + 1])
  std::vector<int32_t> targets_;  // both directions of each edge
  std::vector<double> lengths_;
  std::vector<double> weights_;  // normalised
  Vector degrees_;
};

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_NEIGHBOR_GRAPH_H_
