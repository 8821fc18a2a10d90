#include "gramian/geometry/neighbors.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/matrix.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/centered_features.h"
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

absl::Status Search(const ComputeContext& context, const FillTile& fill, int64_t n, int64_t k,
                    int32_t* indices, double* distances) {
  return ParallelFor(context, (n + kTile - 1) / kTile, [&](int64_t block) {
    const int64_t row = block * kTile;
    const int64_t row_count = std::min(kTile, n - row);
    std::vector<Nearest> nearest(static_cast<size_t>(row_count), Nearest(k));
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
      nearest[static_cast<size_t>(i)].Take(indices + (row + i) * k, distances + (row + i) * k);
    }
    return absl::OkStatus();
  });
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
                                                                    Nearness nearness, int64_t k) {
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
  const auto search = [&](const FillTile& fill) {
    return Search(context, fill, n, k, result->indices_.data(), result->distances_.data());
  };
  const auto search_rdm = [&](Dissimilarity kind) -> absl::Status {
    GRAMIAN_ASSIGN_OR_RETURN(const RdmTiles rdm, RdmTiles::Create(context, layer, kind));
    result->is_constant_ = rdm.is_constant();
    return search([&](int64_t row, int64_t row_count, int64_t col, int64_t col_count,
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
    return search(
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
