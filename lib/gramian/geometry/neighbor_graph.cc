#include "gramian/geometry/neighbor_graph.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <queue>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/centered_features.h"
#include "gramian/geometry/neighbors.h"
#include "gramian/geometry/rdm.h"

namespace gramian {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr std::pair<const char*, GraphMetric> kMetrics[] = {{"angular", GraphMetric::kAngular},
                                                            {"euclidean", GraphMetric::kEuclidean}};
constexpr std::pair<const char*, EdgeWeight> kWeights[] = {
    {"gaussian", EdgeWeight::kGaussian},
    {"symgaussian", EdgeWeight::kSymmetricGaussian},
    {"uniform", EdgeWeight::kUniform},
    {"distance", EdgeWeight::kDistance},
    {"singular", EdgeWeight::kSingular}};

// The weight of an edge of length d; near and far: distances of its ends to their k-th neighbours.
double WeightOf(EdgeWeight weight, double d, double near, double far) {
  switch (weight) {
    case EdgeWeight::kGaussian:
      return d == 0.0 ? 1.0 : std::exp(-4.0 * (d / near) * (d / near));
    case EdgeWeight::kSymmetricGaussian:
      return d == 0.0 ? 1.0 : std::exp(-4.0 * (d / near) * (d / far));
    case EdgeWeight::kUniform:
      return 1.0;
    case EdgeWeight::kDistance:
      return d;
    case EdgeWeight::kSingular:
      return d == 0.0 ? 1.0 : 1.0 / d;
  }
  return 0.0;
}

// Distances of single pairs, from differences: tiles of a product would cancel.
class Rows {
 public:
  static absl::StatusOr<Rows> Read(const ComputeContext& context, const Representation& layer,
                                   GraphMetric metric) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(
        8 * layer.rows() * layer.cols(), "a copy of the activations of a graph of neighbours"));
    const std::shared_ptr<const Representation> borrowed(std::shared_ptr<const Representation>(),
                                                         &layer);
    Rows rows;
    rows.is_angular_ = metric == GraphMetric::kAngular;
    rows.values_.resize(layer.rows(), layer.cols());
    CenteredFeatures(borrowed, rows.is_angular_ ? RowScaling::kUnit : RowScaling::kNone)
        .ReadRows(0, layer.rows(), rows.values_.data());
    return rows;
  }

  double Distance(int64_t i, int64_t j) const {
    if (is_angular_ && (values_.row(i).isZero(0.0) || values_.row(j).isZero(0.0))) {
      return std::sqrt(2.0);
    }
    return (values_.row(i) - values_.row(j)).norm();
  }

 private:
  bool is_angular_ = false;
  Matrix values_;
};

// Which inputs hang together.
class Components {
 public:
  explicit Components(int64_t n) : parents_(static_cast<size_t>(n)), count_(n) {
    std::iota(parents_.begin(), parents_.end(), int64_t{0});
  }
  int64_t Find(int64_t i) {
    while (parents_[static_cast<size_t>(i)] != i) {
      int64_t& parent = parents_[static_cast<size_t>(i)];
      parent = parents_[static_cast<size_t>(parent)];
      i = parent;
    }
    return i;
  }
  // False if they were together.
  bool Join(int64_t i, int64_t j) {
    i = Find(i);
    j = Find(j);
    if (i == j) return false;
    parents_[static_cast<size_t>(std::max(i, j))] = std::min(i, j);
    --count_;
    return true;
  }
  int64_t count() const { return count_; }
  std::vector<int64_t> Labels() {
    std::vector<int64_t> labels(parents_.size());
    for (size_t i = 0; i < labels.size(); ++i) labels[i] = Find(static_cast<int64_t>(i));
    return labels;
  }

 private:
  std::vector<int64_t> parents_;
  int64_t count_;
};

// A pair of inputs, by dissimilarity, then by index.
using Link = std::tuple<double, int64_t, int64_t>;

// The nearest input of another component, for every input.
absl::StatusOr<std::vector<Link>> NearestStrangers(const ComputeContext& context,
                                                   const RdmTiles& rdm,
                                                   const std::vector<int64_t>& labels) {
  constexpr int64_t kTile = RdmTiles::kTile;
  const int64_t n = rdm.rows();
  std::vector<Link> nearest(static_cast<size_t>(n), Link(kInfinity, n, n));
  const auto search_block = [&](int64_t block) -> absl::Status {
    const int64_t row = block * kTile;
    const int64_t row_count = std::min(kTile, n - row);
    Matrix tile;
    for (int64_t col = 0; col < n; col += kTile) {
      GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
      const int64_t col_count = std::min(kTile, n - col);
      rdm.Tile(row, row_count, col, col_count, tile);
      for (int64_t i = row; i < row + row_count; ++i) {
        Link& best = nearest[static_cast<size_t>(i)];
        for (int64_t j = col; j < col + col_count; ++j) {
          if (labels[static_cast<size_t>(i)] == labels[static_cast<size_t>(j)]) continue;
          best = std::min(best, Link(tile(i - row, j - col), std::min(i, j), std::max(i, j)));
        }
      }
    }
    return absl::OkStatus();
  };
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, (n + kTile - 1) / kTile, search_block));
  return nearest;
}

}  // namespace

const char* ToString(GraphMetric metric) {
  for (const auto& [name, value] : kMetrics) {
    if (value == metric) return name;
  }
  return "unknown";
}

const char* ToString(EdgeWeight weight) {
  for (const auto& [name, value] : kWeights) {
    if (value == weight) return name;
  }
  return "unknown";
}

absl::StatusOr<GraphMetric> ParseGraphMetric(absl::string_view text) {
  for (const auto& [name, metric] : kMetrics) {
    if (text == name) return metric;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("graph is angular or euclidean, not '", text, "'"));
}

absl::StatusOr<EdgeWeight> ParseEdgeWeight(absl::string_view text) {
  for (const auto& [name, weight] : kWeights) {
    if (text == name) return weight;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "weights is gaussian, symgaussian, uniform, distance or singular, not '", text, "'"));
}

int64_t GraphSpec::NeighborCount(int64_t n) const {
  const int64_t wanted = neighbors > 0 ? neighbors : std::clamp<int64_t>(n / 20, 30, 300);
  return std::min(wanted, n - 1);
}

std::string GraphSpec::ToString() const {
  return absl::StrCat("graph=", gramian::ToString(metric), "-weights=", gramian::ToString(weight),
                      "-neighbors=", neighbors > 0 ? absl::StrCat(neighbors) : "auto");
}

struct NeighborGraph::Edge {
  int32_t from;
  int32_t to;
  double weight;
  double length;
};

absl::StatusOr<std::shared_ptr<const NeighborGraph>> NeighborGraph::Compute(
    const ComputeContext& context, const Representation& layer, const GraphSpec& spec) {
  const int64_t n = layer.rows();
  const int64_t k = spec.NeighborCount(n);
  auto graph = std::make_shared<NeighborGraph>();
  graph->rows_ = n;
  graph->spec_ = spec;
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(
      8 * n * layer.cols() + (3 * static_cast<int64_t>(sizeof(Edge)) + 40) * n * k,
      "a graph of neighbours"));
  GRAMIAN_ASSIGN_OR_RETURN(
      const std::shared_ptr<const Neighbors> neighbors,
      Neighbors::Compute(
          context, layer,
          spec.metric == GraphMetric::kAngular ? Nearness::kCosine : Nearness::kEuclidean, k));
  graph->is_constant_ = neighbors->is_constant();
  GRAMIAN_ASSIGN_OR_RETURN(const Rows rows, Rows::Read(context, layer, spec.metric));
  std::vector<Edge> edges(static_cast<size_t>(n * k));
  std::vector<double> reach(static_cast<size_t>(n), 0.0);
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, n, [&](int64_t i) {
    Edge* edge = edges.data() + i * k;
    for (const int32_t j : neighbors->Of(i)) {
      *edge = {static_cast<int32_t>(i), j, 0.0, rows.Distance(i, j)};
      reach[static_cast<size_t>(i)] = std::max(reach[static_cast<size_t>(i)], edge->length);
      ++edge;
    }
    return absl::OkStatus();
  }));
  for (Edge& edge : edges) {
    edge.weight = WeightOf(spec.weight, edge.length, reach[static_cast<size_t>(edge.from)],
                           reach[static_cast<size_t>(edge.to)]);
  }
  GRAMIAN_RETURN_IF_ERROR(graph->Connect(context, layer, edges));
  GRAMIAN_RETURN_IF_ERROR(graph->Assemble(context, edges));
  return graph;
}

// Boruvka's rounds: each joins every component with its nearest.
absl::Status NeighborGraph::Connect(const ComputeContext& context, const Representation& layer,
                                    std::vector<Edge>& edges) {
  Components components(rows_);
  double lightest = kInfinity;
  for (const Edge& edge : edges) {
    // What weighs nothing connects nothing.
    if (edge.weight <= 0.0) continue;
    components.Join(edge.from, edge.to);
    lightest = std::min(lightest, edge.weight);
  }
  component_count_ = components.count();
  if (component_count_ == 1) return absl::OkStatus();
  if (lightest == kInfinity) lightest = 1.0;
  GRAMIAN_ASSIGN_OR_RETURN(
      const RdmTiles rdm,
      RdmTiles::Create(context, layer,
                       spec_.metric == GraphMetric::kAngular ? Dissimilarity::kCosine
                                                             : Dissimilarity::kSquaredEuclidean));
  GRAMIAN_ASSIGN_OR_RETURN(const Rows rows, Rows::Read(context, layer, spec_.metric));
  while (components.count() > 1) {
    const std::vector<int64_t> labels = components.Labels();
    GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Link> nearest,
                             NearestStrangers(context, rdm, labels));
    std::vector<Link> best(nearest.size(), Link(kInfinity, rows_, rows_));
    for (size_t i = 0; i < nearest.size(); ++i) {
      Link& of_component = best[static_cast<size_t>(labels[i])];
      of_component = std::min(of_component, nearest[i]);
    }
    for (const auto& [dissimilarity, i, j] : best) {
      if (i == rows_ || !components.Join(i, j)) continue;
      // Both directions, so that averaging keeps the weight.
      const double length = rows.Distance(i, j);
      edges.push_back({static_cast<int32_t>(i), static_cast<int32_t>(j), lightest, length});
      edges.push_back({static_cast<int32_t>(j), static_cast<int32_t>(i), lightest, length});
    }
  }
  return absl::OkStatus();
}

absl::Status NeighborGraph::Assemble(const ComputeContext& context,
                                     const std::vector<Edge>& edges) {
  std::vector<int64_t> begins(static_cast<size_t>(rows_) + 1, 0);
  for (const Edge& edge : edges) {
    ++begins[static_cast<size_t>(edge.from) + 1];
    ++begins[static_cast<size_t>(edge.to) + 1];
  }
  std::partial_sum(begins.begin(), begins.end(), begins.begin());
  // Both directions, by their first end.
  std::vector<Edge> ordered(2 * edges.size());
  std::vector<int64_t> next(begins.begin(), begins.end() - 1);
  for (const Edge& edge : edges) {
    ordered[static_cast<size_t>(next[static_cast<size_t>(edge.from)]++)] = edge;
    ordered[static_cast<size_t>(next[static_cast<size_t>(edge.to)]++)] = {edge.to, edge.from,
                                                                          edge.weight, edge.length};
  }
  // The edges of each input, merged in place.
  begins_.assign(static_cast<size_t>(rows_) + 1, 0);
  degrees_ = Vector::Zero(rows_);
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, rows_, [&](int64_t i) {
    Edge* const first = ordered.data() + begins[static_cast<size_t>(i)];
    Edge* const last = ordered.data() + begins[static_cast<size_t>(i) + 1];
    const Edge* const end = Merge(first, last, spec_.weight == EdgeWeight::kGaussian);
    begins_[static_cast<size_t>(i) + 1] = end - first;
    for (const Edge* edge = first; edge != end; ++edge) degrees_[i] += edge->weight;
    return absl::OkStatus();
  }));
  std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
  const auto count = static_cast<size_t>(begins_.back());
  targets_.resize(count);
  lengths_.resize(count);
  weights_.resize(count);
  const Vector roots = degrees_.cwiseSqrt();
  return ParallelFor(context, rows_, [&](int64_t i) {
    const Edge* edge = ordered.data() + begins[static_cast<size_t>(i)];
    for (int64_t e = begins_[static_cast<size_t>(i)]; e < begins_[static_cast<size_t>(i) + 1];
         ++e, ++edge) {
      targets_[static_cast<size_t>(e)] = edge->to;
      lengths_[static_cast<size_t>(e)] = edge->length;
      weights_[static_cast<size_t>(e)] = edge->weight / (roots[i] * roots[edge->to]);
    }
    return absl::OkStatus();
  });
}

// Makes one edge of those to the same input; the end of what is left.
NeighborGraph::Edge* NeighborGraph::Merge(Edge* first, Edge* last, bool is_averaged) {
  std::sort(first, last, [](const Edge& a, const Edge& b) {
    return std::tie(a.to, a.weight) < std::tie(b.to, b.weight);
  });
  Edge* end = first;
  for (const Edge* edge = first; edge != last;) {
    Edge merged = *edge;
    double sum = 0.0;
    for (; edge != last && edge->to == merged.to; ++edge) {
      sum += edge->weight;
      merged.weight = edge->weight;
    }
    if (is_averaged) merged.weight = 0.5 * sum;
    *end++ = merged;
  }
  return end;
}

absl::Span<const int32_t> NeighborGraph::Of(int64_t i) const {
  const int64_t begin = begins_[static_cast<size_t>(i)];
  return {targets_.data() + begin,
          static_cast<size_t>(begins_[static_cast<size_t>(i) + 1] - begin)};
}

absl::Span<const double> NeighborGraph::Slice(const std::vector<double>& values, int64_t i) const {
  return {values.data() + begins_[static_cast<size_t>(i)], Of(i).size()};
}

absl::Span<const double> NeighborGraph::LengthsOf(int64_t i) const { return Slice(lengths_, i); }

absl::Span<const double> NeighborGraph::NormalizedWeightsOf(int64_t i) const {
  return Slice(weights_, i);
}

absl::Status NeighborGraph::Multiply(const ComputeContext& context, const double* x,
                                     double* y) const {
  constexpr int64_t kRows = 256;
  return ParallelFor(context, (rows_ + kRows - 1) / kRows, [&](int64_t block) {
    const int64_t end = std::min(rows_, (block + 1) * kRows);
    for (int64_t i = block * kRows; i < end; ++i) {
      double sum = 0.0;
      for (int64_t e = begins_[static_cast<size_t>(i)]; e < begins_[static_cast<size_t>(i) + 1];
           ++e) {
        sum += weights_[static_cast<size_t>(e)] * x[targets_[static_cast<size_t>(e)]];
      }
      y[i] = sum;
    }
    return absl::OkStatus();
  });
}

// Dijkstra's algorithm with a heap whose stale entries are passed over.
Vector NeighborGraph::PathLengths(int64_t source) const {
  using Entry = std::pair<double, int64_t>;
  Vector lengths = Vector::Constant(rows_, kInfinity);
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  lengths[source] = 0.0;
  queue.emplace(0.0, source);
  while (!queue.empty()) {
    const auto [length, i] = queue.top();
    queue.pop();
    if (length > lengths[i]) continue;
    const absl::Span<const int32_t> targets = Of(i);
    const absl::Span<const double> edges = LengthsOf(i);
    for (size_t e = 0; e < targets.size(); ++e) {
      const double through = length + edges[e];
      if (through >= lengths[targets[e]]) continue;
      lengths[targets[e]] = through;
      queue.emplace(through, targets[e]);
    }
  }
  return lengths;
}

int64_t NeighborGraph::size_bytes() const {
  return static_cast<int64_t>(sizeof(*this) + 8 * (begins_.size() + lengths_.size() +
                                                   weights_.size() + targets_.size() / 2)) +
         8 * degrees_.size();
}

}  // namespace gramian
