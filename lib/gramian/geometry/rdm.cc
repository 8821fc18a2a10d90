#include "gramian/geometry/rdm.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/centered_features.h"
#include "gramian/geometry/rsm_pair_sums.h"

namespace gramian {
namespace {

constexpr std::pair<const char*, Dissimilarity> kKinds[] = {
    {"euclidean", Dissimilarity::kEuclidean},
    {"sqeuclidean", Dissimilarity::kSquaredEuclidean},
    {"correlation", Dissimilarity::kCorrelation},
    {"cosine", Dissimilarity::kCosine},
};

RowScaling ScalingOf(Dissimilarity kind) {
  switch (kind) {
    case Dissimilarity::kCorrelation:
      return RowScaling::kStandardized;
    case Dissimilarity::kCosine:
      return RowScaling::kUnit;
    default:
      return RowScaling::kNone;
  }
}

// 1/2 for each zero row of the features.
absl::StatusOr<Eigen::ArrayXd> FindUndirected(const ComputeContext& context,
                                              const CenteredFeatures& features) {
  constexpr int64_t kBlock = RdmTiles::kTile;
  const int64_t n = features.rows();
  Eigen::ArrayXd result(n);
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, (n + kBlock - 1) / kBlock, [&](int64_t block) {
    const int64_t first = block * kBlock;
    const int64_t count = std::min(kBlock, n - first);
    Matrix rows(count, features.cols());
    features.ReadRows(first, count, rows.data());
    result.segment(first, count) =
        (rows.cwiseAbs().rowwise().maxCoeff().array() == 0.0).cast<double>() * 0.5;
    return absl::OkStatus();
  }));
  return result;
}

}  // namespace

const char* ToString(Dissimilarity kind) {
  for (const auto& [name, value] : kKinds) {
    if (value == kind) return name;
  }
  return "unknown";
}

absl::StatusOr<Dissimilarity> ParseDissimilarity(absl::string_view text) {
  for (const auto& [name, kind] : kKinds) {
    if (text == name) return kind;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("rdm is euclidean, sqeuclidean, correlation or cosine, not '", text, "'"));
}

absl::StatusOr<RdmTiles> RdmTiles::Create(const ComputeContext& context,
                                          const Representation& layer, Dissimilarity kind) {
  // Non-owning: the features are read here only.
  const std::shared_ptr<const Representation> borrowed(std::shared_ptr<const Representation>(),
                                                       &layer);
  const CenteredFeatures features(borrowed, ScalingOf(kind));
  RdmTiles result;
  result.kind_ = kind;
  result.is_constant_ = HasEqualRows(features);
  GRAMIAN_ASSIGN_OR_RETURN(
      result.tiles_,
      RsmTiles<double>::Create(context, features, {KernelKind::kDistance}, 0.0, /*centered=*/true));
  if (ScalingOf(kind) != RowScaling::kNone) {
    GRAMIAN_ASSIGN_OR_RETURN(result.undirected_, FindUndirected(context, features));
  }
  return result;
}

void RdmTiles::Tile(int64_t row, int64_t row_count, int64_t col, int64_t col_count,
                    Matrix& tile) const {
  tiles_.SquaredDistances(row, row_count, col, col_count, tile);
  switch (kind_) {
    case Dissimilarity::kSquaredEuclidean:
      return;
    case Dissimilarity::kEuclidean:
      tile = tile.cwiseSqrt();
      return;
    default:
      break;
  }
  tile *= 0.5;
  tile.array().colwise() += undirected_.segment(row, row_count);
  tile.array().rowwise() += undirected_.segment(col, col_count).transpose();
  tile = tile.cwiseMin(2.0);
  // A row without direction is still like itself.
  for (int64_t i = std::max(row, col); i < std::min(row + row_count, col + col_count); ++i) {
    tile(i - row, i - col) = 0.0;
  }
}

absl::StatusOr<RsmPairSums> SumRdmPair(const ComputeContext& context, const RdmTiles& a,
                                       const RdmTiles& b) {
  return SumTilePairs(context, a, b);
}

absl::StatusOr<std::vector<double>> Triangle(const ComputeContext& context, const RdmTiles& tiles) {
  const int64_t n = tiles.rows();
  std::vector<double> values(static_cast<size_t>(n * (n - 1) / 2));
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, kLanes, [&](int64_t lane) {
    Matrix tile;
    return ForEachTileOfLane(context, n, RdmTiles::kTile, lane, [&](const TileRange& range) {
      tiles.Tile(range.row, range.row_count, range.col, range.col_count, tile);
      for (int64_t r = 0; r < range.row_count; ++r) {
        const int64_t i = range.row + r;
        const int64_t skip = range.is_diagonal ? r + 1 : 0;
        // Entries (i, i + 1), ... of the rows before fill n - 1, n - 2, ... places.
        const int64_t first = i * (2 * n - i - 1) / 2 + (range.col + skip - i - 1);
        std::copy(tile.row(r).data() + skip, tile.row(r).data() + range.col_count,
                  values.data() + first);
      }
    });
  }));
  return values;
}

}  // namespace gramian
