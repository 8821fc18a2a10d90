#include "gramian/measure/linkage.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

// Two points, one of each cluster that is joined; a chain finds joins in another order than by
// height.
struct Join {
  Index a = 0;
  Index b = 0;
  double height = 0.0;
};

// Clusters under way: cluster i lives in row i of the distances until it is joined into another.
class Clusters {
 public:
  Clusters(const Matrix& distances, LinkageMethod method)
      : distances_(distances), method_(method), sizes_(static_cast<size_t>(distances.rows()), 1) {}

  bool is_alive(Index i) const { return sizes_[static_cast<size_t>(i)] > 0; }
  double distance(Index i, Index j) const { return distances_(i, j); }

  // The nearest of i, `preferred` (if any) among equals, else the first.
  Index Nearest(Index i, Index preferred) const {
    Index nearest = preferred;
    for (Index j = 0; j < distances_.rows(); ++j) {
      if (j == i || !is_alive(j)) continue;
      if (nearest < 0 || distances_(i, j) < distances_(i, nearest)) nearest = j;
    }
    return nearest;
  }

  // Lance and Williams: the distances of the union, which lives on in row `to`.
  void Unite(Index from, Index to) {
    auto& from_size = sizes_[static_cast<size_t>(from)];
    auto& to_size = sizes_[static_cast<size_t>(to)];
    const auto weight = static_cast<double>(from_size) / static_cast<double>(from_size + to_size);
    for (Index k = 0; k < distances_.rows(); ++k) {
      if (k == from || k == to || !is_alive(k)) continue;
      const double united = method_ == LinkageMethod::kComplete
                                ? std::max(distances_(from, k), distances_(to, k))
                                : weight * distances_(from, k) + (1.0 - weight) * distances_(to, k);
      distances_(to, k) = united;
      distances_(k, to) = united;
    }
    to_size += from_size;
    from_size = 0;
  }

 private:
  Matrix distances_;
  LinkageMethod method_;
  std::vector<Index> sizes_;  // 0 for what was joined into another
};

absl::StatusOr<std::vector<Join>> FollowChains(const ComputeContext& context, Clusters& clusters,
                                               Index count) {
  std::vector<Join> joins;
  std::vector<Index> chain;
  Index first_alive = 0;
  while (static_cast<Index>(joins.size()) + 1 < count) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    if (chain.empty()) {
      while (!clusters.is_alive(first_alive)) ++first_alive;
      chain.push_back(first_alive);
    }
    const Index last = chain.back();
    // Going back is preferred among equals, or a chain might never end.
    const Index before = chain.size() > 1 ? chain[chain.size() - 2] : -1;
    const Index nearest = clusters.Nearest(last, before);
    if (nearest != before) {
      chain.push_back(nearest);
      continue;
    }
    joins.push_back({before, last, clusters.distance(before, last)});
    clusters.Unite(before, last);
    chain.resize(chain.size() - 2);
  }
  return joins;
}

// Names clusters in the order of their heights.
std::vector<Merge> Label(std::vector<Join> joins, Index count) {
  std::stable_sort(joins.begin(), joins.end(),
                   [](const Join& x, const Join& y) { return x.height < y.height; });
  // Of each cluster so far: the one that it was merged into, and its size.
  const auto all = static_cast<size_t>(count) + joins.size();
  std::vector<Index> parent(all);
  std::iota(parent.begin(), parent.end(), Index{0});
  std::vector<Index> sizes(all, 1);
  const auto root = [&](Index i) {
    while (parent[static_cast<size_t>(i)] != i) {
      Index& above = parent[static_cast<size_t>(i)];
      above = parent[static_cast<size_t>(above)];
      i = above;
    }
    return i;
  };
  std::vector<Merge> merges;
  for (const Join& join : joins) {
    const auto [first, second] = std::minmax({root(join.a), root(join.b)});
    const Index merged = count + static_cast<Index>(merges.size());
    parent[static_cast<size_t>(first)] = merged;
    parent[static_cast<size_t>(second)] = merged;
    const Index size = sizes[static_cast<size_t>(first)] + sizes[static_cast<size_t>(second)];
    sizes[static_cast<size_t>(merged)] = size;
    merges.push_back({first, second, join.height, size});
  }
  return merges;
}

std::vector<Index> LeafOrder(const std::vector<Merge>& merges, Index count) {
  std::vector<Index> order;
  std::vector<Index> waiting = {count + static_cast<Index>(merges.size()) - 1};
  while (!waiting.empty()) {
    const Index cluster = waiting.back();
    waiting.pop_back();
    if (cluster < count) {
      order.push_back(cluster);
      continue;
    }
    const Merge& merge = merges[static_cast<size_t>(cluster - count)];
    waiting.push_back(merge.second);
    waiting.push_back(merge.first);
  }
  return order;
}

}  // namespace

absl::StatusOr<Dendrogram> ClusterHierarchically(const ComputeContext& context,
                                                 const Matrix& distances, LinkageMethod method) {
  const Index count = distances.rows();
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(8 * count * count, "distances of clusters"));
  Clusters clusters(distances, method);
  GRAMIAN_ASSIGN_OR_RETURN(std::vector<Join> joins, FollowChains(context, clusters, count));
  Dendrogram result;
  result.merges = Label(std::move(joins), count);
  result.leaf_order = LeafOrder(result.merges, count);
  return result;
}

}  // namespace gramian
