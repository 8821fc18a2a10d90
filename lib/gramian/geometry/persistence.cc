#include "gramian/geometry/persistence.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

// A simplex of one dimension more than an edge, in the order of the filtration.
struct Triangle {
  double scale;
  uint64_t id;

  friend bool operator>(const Triangle& a, const Triangle& b) {
    return std::tie(a.scale, a.id) > std::tie(b.scale, b.id);
  }
};

// The columns of edges, latest first; the pivot of a column is the earliest triangle in it.
class Reduction {
 public:
  Reduction(const ComputeContext& context, const Matrix& from, const Matrix& to)
      : context_(context), n_(from.rows()), birth_(from.cwiseMin(to)) {
    for (Index i = 0; i < n_; ++i) {
      for (Index j = i + 1; j < n_; ++j) {
        const double filled = std::max(birth_(i, j), from.row(i).cwiseMax(from.row(j)).minCoeff());
        // An edge of both at once is the whole boundary of its triangle with the common point.
        if (filled > birth_(i, j)) edges_.push_back({i, j, birth_(i, j), filled});
      }
    }
    std::sort(edges_.begin(), edges_.end(), [](const Edge& a, const Edge& b) {
      return std::tie(b.birth, b.i, b.j) < std::tie(a.birth, a.i, a.j);
    });
  }

  absl::StatusOr<std::vector<Bar>> Run() {
    std::vector<Bar> bars;
    for (size_t edge = 0; edge < edges_.size(); ++edge) {
      if (edge % kLook == 0) GRAMIAN_RETURN_IF_ERROR(context_.CheckStop());
      GRAMIAN_ASSIGN_OR_RETURN(const double death, Reduce(edge));
      if (death > edges_[edge].birth) bars.push_back({edges_[edge].birth, death});
    }
    return bars;
  }

 private:
  static constexpr size_t kLook = 256;

  struct Edge {
    Index i;
    Index j;
    double birth;
    double filled;
  };

  // The triangles at an edge, that with the common point of K among them, to `visit`.
  template <typename Visit>
  void VisitTriangles(const Edge& edge, const Visit& visit) const {
    const auto n = static_cast<uint64_t>(n_);
    // Before triangles of the same scale.
    visit(Triangle{edge.filled, static_cast<uint64_t>(edge.i) * n + static_cast<uint64_t>(edge.j)});
    for (Index k = 0; k < n_; ++k) {
      if (k == edge.i || k == edge.j) continue;
      const double scale = std::max({edge.birth, birth_(edge.i, k), birth_(edge.j, k)});
      auto corners = std::minmax(edge.i, edge.j);
      const auto low = static_cast<uint64_t>(std::min<Index>(corners.first, k));
      const auto high = static_cast<uint64_t>(std::max<Index>(corners.second, k));
      const auto middle = static_cast<uint64_t>(edge.i) + static_cast<uint64_t>(edge.j) +
                          static_cast<uint64_t>(k) - low - high;
      visit(Triangle{scale, n * n + (low * n + middle) * n + high});
    }
  }

  // The scale at which the loop of an edge is filled.
  absl::StatusOr<double> Reduce(size_t edge) {
    Triangle pivot{std::numeric_limits<double>::infinity(), 0};
    VisitTriangles(edges_[edge], [&](const Triangle& triangle) {
      if (pivot > triangle) pivot = triangle;
    });
    if (owners_.emplace(pivot.id, edge).second) return pivot.scale;
    std::vector<Triangle> column;
    std::vector<size_t> summed = {edge};
    GRAMIAN_RETURN_IF_ERROR(Add(edge, column));
    while (true) {
      pivot = TakePivot(column);
      const auto [owner, is_free] = owners_.emplace(pivot.id, edge);
      if (is_free) break;
      for (const size_t other : SummedOf(owner->second)) {
        GRAMIAN_RETURN_IF_ERROR(Add(other, column));
        summed.push_back(other);
      }
      // The pivot that was taken meets that of its owner.
      column.push_back(pivot);
      std::push_heap(column.begin(), column.end(), std::greater<>());
    }
    std::sort(summed.begin(), summed.end());
    sums_[edge] = OddOnes(summed);
    return pivot.scale;
  }

  // The edges whose columns are summed in the reduced column of an edge.
  std::vector<size_t> SummedOf(size_t edge) const {
    const auto found = sums_.find(edge);
    return found == sums_.end() ? std::vector<size_t>{edge} : found->second;
  }

  absl::Status Add(size_t edge, std::vector<Triangle>& column) {
    GRAMIAN_RETURN_IF_ERROR(context_.CheckStop());
    GRAMIAN_RETURN_IF_ERROR(context_.CheckScratch(
        static_cast<int64_t>((column.size() + static_cast<size_t>(n_)) * sizeof(Triangle)),
        "a column of a persistence computation"));
    VisitTriangles(edges_[edge], [&](const Triangle& triangle) {
      column.push_back(triangle);
      std::push_heap(column.begin(), column.end(), std::greater<>());
    });
    return absl::OkStatus();
  }

  // Removes the earliest triangle that is in the sum an odd number of times. There is one: the
  // triangle of an edge with the common point is in no other column.
  static Triangle TakePivot(std::vector<Triangle>& column) {
    while (true) {
      const Triangle first = Pop(column);
      bool is_odd = true;
      while (!column.empty() && column.front().id == first.id) {
        Pop(column);
        is_odd = !is_odd;
      }
      if (is_odd) return first;
    }
  }

  static Triangle Pop(std::vector<Triangle>& column) {
    std::pop_heap(column.begin(), column.end(), std::greater<>());
    const Triangle first = column.back();
    column.pop_back();
    return first;
  }

  static std::vector<size_t> OddOnes(const std::vector<size_t>& sorted) {
    std::vector<size_t> odd;
    for (const size_t edge : sorted) {
      if (!odd.empty() && odd.back() == edge) {
        odd.pop_back();
      } else {
        odd.push_back(edge);
      }
    }
    return odd;
  }

  const ComputeContext& context_;
  const Index n_;
  const Matrix birth_;
  std::vector<Edge> edges_;
  std::unordered_map<uint64_t, size_t> owners_;           // of pivots
  std::unordered_map<size_t, std::vector<size_t>> sums_;  // of edges whose column is not their own
};

}  // namespace

absl::StatusOr<std::vector<Bar>> CrossLoops(const ComputeContext& context, const Matrix& from,
                                            const Matrix& to) {
  const int64_t n = from.rows();
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(64 * n * n, "the edges of a filtration"));
  return Reduction(context, from, to).Run();
}

}  // namespace gramian
