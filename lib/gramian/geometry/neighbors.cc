#include "gramian/geometry/neighbors.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/matrix.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/centered_features.h"
#include "gramian/geometry/neighbor_index.h"
#include "gramian/geometry/rdm.h"
#include "gramian/geometry/rsm_stream.h"

namespace gramian {
namespace {

constexpr int64_t kTile = RdmTiles::kTile;

constexpr std::pair<const char*, Nearness> kNames[] = {
    {"cosine", Nearness::kCosine}, {"euclidean", Nearness::kEuclidean}, {"dot", Nearness::kDot}};

// The value to 40 binary digits, rounded to nearest: equal for distances that differ by rounding.
double Snap(double value) {
  constexpr int kDropped = 12;
  constexpr uint64_t kHalf = uint64_t{1} << (kDropped - 1);
  constexpr uint64_t kMask = ~((uint64_t{1} << kDropped) - 1);
  return std::bit_cast<double>((std::bit_cast<uint64_t>(value) + kHalf) & kMask);
}

// The k smallest of the (distance, index) pairs that were offered in ascending order of index.
class Nearest {
 public:
  explicit Nearest(int64_t k) : k_(static_cast<size_t>(k)) {}

  void Offer(double distance, int64_t index) {
    if (heap_.size() == k_) {
      // A later index loses a tie.
      if (distance >= heap_.front().first) return;
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.pop_back();
    }
    heap_.emplace_back(distance, static_cast<int32_t>(index));
    std::push_heap(heap_.begin(), heap_.end());
  }

  // Nearest first, `k` of each.
  void Take(int32_t* indices, double* distances) {
    std::sort_heap(heap_.begin(), heap_.end());
    for (const auto& [distance, index] : heap_) {
      *indices++ = index;
      *distances++ = distance;
    }
  }

 private:
  size_t k_;
  std::vector<std::pair<double, int32_t>> heap_;
};

// Fills a tile of distances.
using FillTile = std::function<void(int64_t row, int64_t row_count, int64_t col, int64_t col_count,
                                    Matrix& tile)>;

// The lists that are filled, n x k each.
struct Lists {
  int64_t n;
  int64_t k;
  int32_t* indices;
  double* distances;
};

absl::Status Search(const ComputeContext& context, const FillTile& fill, const Lists& lists) {
  const int64_t n = lists.n;
  return ParallelFor(context, (n + kTile - 1) / kTile, [&](int64_t block) {
    const int64_t row = block * kTile;
    const int64_t row_count = std::min(kTile, n - row);
    std::vector<Nearest> nearest(static_cast<size_t>(row_count), Nearest(lists.k));
    Matrix tile;
    for (int64_t col = 0; col < n; col += kTile) {
      GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
      const int64_t col_count = std::min(kTile, n - col);
      fill(row, row_count, col, col_count, tile);
      for (int64_t i = 0; i < row_count; ++i) {
        for (int64_t j = 0; j < col_count; ++j) {
          if (row + i == col + j) continue;
          nearest[static_cast<size_t>(i)].Offer(Snap(tile(i, j)), col + j);
        }
      }
    }
    for (int64_t i = 0; i < row_count; ++i) {
      const int64_t at = (row + i) * lists.k;
      nearest[static_cast<size_t>(i)].Take(lists.indices + at, lists.distances + at);
    }
    return absl::OkStatus();
  });
}

// Rows whose inner products, or distances, order neighbours as `nearness` does.
MatrixF IndexRows(const Representation& layer, Nearness nearness) {
  Matrix rows(layer.rows(), layer.cols());
  layer.ReadRows(0, layer.rows(), rows.data());
  if (nearness == Nearness::kEuclidean) {
    rows.rowwise() -= rows.colwise().mean().eval();
  } else if (nearness == Nearness::kCosine) {
    for (Index i = 0; i < rows.rows(); ++i) rows.row(i) = rows.row(i).stableNormalized().eval();
  }
  // One scale for all rows changes no order, and keeps squares within float32.
  const double largest = rows.cwiseAbs().maxCoeff();
  if (largest > 0.0) rows /= largest;
  return rows.cast<float>();
}

absl::Status SearchCandidates(const ComputeContext& context, const FillTile& fill,
                              const std::vector<std::vector<int32_t>>& candidates,
                              const Lists& lists) {
  constexpr int64_t kRows = 64;
  return ParallelFor(context, (lists.n + kRows - 1) / kRows, [&](int64_t block) {
    Matrix tile;
    for (int64_t row = block * kRows; row < std::min((block + 1) * kRows, lists.n); ++row) {
      std::vector<int32_t> found = candidates[static_cast<size_t>(row)];
      std::sort(found.begin(), found.end());
      // A search may end early where inputs coincide; then those of small index are as good.
      for (int32_t other = 0; static_cast<int64_t>(found.size()) < lists.k; ++other) {
        if (other == row || std::binary_search(found.begin(), found.end(), other)) continue;
        found.insert(std::upper_bound(found.begin(), found.end(), other), other);
      }
      Nearest nearest(lists.k);
      for (const int32_t other : found) {
        fill(row, 1, other, 1, tile);
        nearest.Offer(Snap(tile(0, 0)), other);
      }
      nearest.Take(lists.indices + row * lists.k, lists.distances + row * lists.k);
    }
    return absl::OkStatus();
  });
}

// How many of the list of `row` are as near as its k-th nearest input.
absl::StatusOr<int64_t> CountTrue(const ComputeContext& context, const FillTile& fill,
                                  const Lists& lists, int64_t row) {
  std::vector<double> all;
  Matrix tile;
  for (int64_t col = 0; col < lists.n; col += kTile) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    const int64_t col_count = std::min(kTile, lists.n - col);
    fill(row, 1, col, col_count, tile);
    for (int64_t j = 0; j < col_count; ++j) {
      if (col + j != row) all.push_back(Snap(tile(0, j)));
    }
  }
  std::nth_element(all.begin(), all.begin() + (lists.k - 1), all.end());
  const double farthest = all[static_cast<size_t>(lists.k - 1)];
  const double* const distances = lists.distances + row * lists.k;
  return std::count_if(distances, distances + lists.k,
                       [&](double distance) { return distance <= farthest; });
}

absl::StatusOr<double> MeasureRecall(const ComputeContext& context, const FillTile& fill,
                                     const Lists& lists) {
  constexpr int64_t kSample = 256;
  const int64_t count = std::min(lists.n, kSample);
  std::vector<int64_t> found(static_cast<size_t>(count));
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, count, [&](int64_t i) -> absl::Status {
    GRAMIAN_ASSIGN_OR_RETURN(found[static_cast<size_t>(i)],
                             CountTrue(context, fill, lists, i * lists.n / count));
    return absl::OkStatus();
  }));
  return static_cast<double>(std::accumulate(found.begin(), found.end(), int64_t{0})) /
         static_cast<double>(count * lists.k);
}

}  // namespace

const char* ToString(Nearness nearness) {
  for (const auto& [name, value] : kNames) {
    if (value == nearness) return name;
  }
  return "unknown";
}

absl::StatusOr<Nearness> ParseNearness(absl::string_view text) {
  for (const auto& [name, nearness] : kNames) {
    if (text == name) return nearness;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("neighbors is cosine, euclidean or dot, not '", text, "'"));
}

absl::StatusOr<std::shared_ptr<const Neighbors>> Neighbors::Compute(const ComputeContext& context,
                                                                    const Representation& layer,
                                                                    Nearness nearness, int64_t k,
                                                                    NeighborSearch search) {
  constexpr int64_t kMaxInputs = std::numeric_limits<int32_t>::max();
  const int64_t n = layer.rows();
  if (n > kMaxInputs) return NeverFits("neighbours of more than 2^31 inputs", n, kMaxInputs);
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(12 * n * k + 8 * n * layer.cols(), "lists of neighbours"));
  auto result = std::make_shared<Neighbors>();
  result->rows_ = n;
  result->k_ = k;
  result->indices_.resize(static_cast<size_t>(n * k));
  result->distances_.resize(static_cast<size_t>(n * k));
  const Lists lists{n, k, result->indices_.data(), result->distances_.data()};
  const auto fill_lists = [&](const FillTile& fill) -> absl::Status {
    if (search.is_exact() || result->is_constant_) return Search(context, fill, lists);
    GRAMIAN_RETURN_IF_ERROR(
        context.CheckScratch((20 * layer.cols() + 300) * n, "an index of neighbours"));
    GRAMIAN_ASSIGN_OR_RETURN(
        const auto candidates,
        NeighborCandidates(context, IndexRows(layer, nearness),
                           /*by_inner_product=*/nearness != Nearness::kEuclidean, k,
                           search.effort));
    GRAMIAN_RETURN_IF_ERROR(SearchCandidates(context, fill, candidates, lists));
    GRAMIAN_ASSIGN_OR_RETURN(result->recall_, MeasureRecall(context, fill, lists));
    return absl::OkStatus();
  };
  const auto search_rdm = [&](Dissimilarity kind) -> absl::Status {
    GRAMIAN_ASSIGN_OR_RETURN(const RdmTiles rdm, RdmTiles::Create(context, layer, kind));
    result->is_constant_ = rdm.is_constant();
    return fill_lists([&](int64_t row, int64_t row_count, int64_t col, int64_t col_count,
                          Matrix& tile) { rdm.Tile(row, row_count, col, col_count, tile); });
  };
  const auto search_dot = [&]() -> absl::Status {
    const std::shared_ptr<const Representation> borrowed(std::shared_ptr<const Representation>(),
                                                         &layer);
    const CenteredFeatures features(borrowed, RowScaling::kNone);
    result->is_constant_ = HasEqualRows(features);
    GRAMIAN_ASSIGN_OR_RETURN(const RsmTiles<double> rsm,
                             RsmTiles<double>::Create(context, features, {KernelKind::kLinear}, 0.0,
                                                      /*centered=*/false));
    return fill_lists(
        [&](int64_t row, int64_t row_count, int64_t col, int64_t col_count, Matrix& tile) {
          rsm.Tile(row, row_count, col, col_count, tile);
          tile = -tile;
        });
  };
  GRAMIAN_RETURN_IF_ERROR(nearness == Nearness::kDot ? search_dot()
                          : nearness == Nearness::kCosine
                              ? search_rdm(Dissimilarity::kCosine)
                              : search_rdm(Dissimilarity::kSquaredEuclidean));
  return result;
}

}  // namespace gramian
