#include "gramian/geometry/rsm.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/rsm_stream.h"

namespace gramian {
namespace {

// Up to this many pairs of inputs their squared distances are kept, in double; above, they are
// selected by their bits in two passes in float32.
constexpr int64_t kKeptPairs = int64_t{1} << 23;
constexpr int kRadixBits = 16;
constexpr uint32_t kRadixSize = 1U << kRadixBits;

// Whether float32 held a squared distance with all its digits.
bool FitsFloat32(double value) { return value >= 1.0e-30 && value <= 1.0e37; }

// Calls visit(lane, squared distance) for every i < j.
template <typename Scalar, typename Visit>
absl::Status ForEachPair(const ComputeContext& context, const RsmTiles<Scalar>& tiles,
                         const Visit& visit) {
  return VisitSquaredDistances<Scalar>(
      context, tiles, [&](int64_t lane, const MatrixOf<Scalar>& tile, bool is_diagonal) {
        for (Index i = 0; i < tile.rows(); ++i) {
          for (Index j = is_diagonal ? i + 1 : 0; j < tile.cols(); ++j) visit(lane, tile(i, j));
        }
      });
}

// The values at the given ascending ranks (0-based) among all squared distances of i < j.
absl::StatusOr<std::vector<double>> SelectKept(const ComputeContext& context,
                                               const Representation& layer,
                                               const std::vector<int64_t>& ranks) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const RsmTiles<double> tiles,
      RsmTiles<double>::Create(context, layer, {KernelKind::kDistance}, 0.0, true));
  std::vector<std::vector<double>> lanes(static_cast<size_t>(kLanes));
  GRAMIAN_RETURN_IF_ERROR(ForEachPair(context, tiles, [&](int64_t lane, double value) {
    lanes[static_cast<size_t>(lane)].push_back(value);
  }));
  std::vector<double> all;
  for (const std::vector<double>& lane : lanes) all.insert(all.end(), lane.begin(), lane.end());
  std::vector<double> result;
  for (const int64_t rank : ranks) {
    std::nth_element(all.begin(), all.begin() + rank, all.end());
    result.push_back(all[static_cast<size_t>(rank)]);
  }
  return result;
}

// Counts of the squared distances by 16 bits of their float32 pattern, which orders like the values
// as none is negative: the upper half, or the lower half of those whose upper half is `upper`.
absl::StatusOr<std::vector<int64_t>> CountBits(const ComputeContext& context,
                                               const RsmTiles<float>& tiles,
                                               const uint32_t* upper) {
  std::vector<std::vector<int64_t>> lanes(static_cast<size_t>(kLanes),
                                          std::vector<int64_t>(kRadixSize));
  GRAMIAN_RETURN_IF_ERROR(ForEachPair(context, tiles, [&](int64_t lane, float value) {
    const auto bits = std::bit_cast<uint32_t>(value);
    if (upper == nullptr) {
      ++lanes[static_cast<size_t>(lane)][bits >> kRadixBits];
    } else if (bits >> kRadixBits == *upper) {
      ++lanes[static_cast<size_t>(lane)][bits & (kRadixSize - 1)];
    }
  }));
  for (size_t lane = 1; lane < lanes.size(); ++lane) {
    for (size_t i = 0; i < kRadixSize; ++i) lanes[0][i] += lanes[lane][i];
  }
  return std::move(lanes[0]);
}

// Bucket that holds `rank`, which becomes the rank within the bucket.
uint32_t FindBucket(const std::vector<int64_t>& counts, int64_t& rank) {
  uint32_t bucket = 0;
  while (rank >= counts[bucket]) rank -= counts[bucket++];
  return bucket;
}

absl::StatusOr<std::vector<double>> SelectByBits(const ComputeContext& context,
                                                 const Representation& layer,
                                                 const std::vector<int64_t>& ranks) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const RsmTiles<float> tiles,
      RsmTiles<float>::Create(context, layer, {KernelKind::kDistance}, 0.0, true));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<int64_t> upper_counts,
                           CountBits(context, tiles, nullptr));
  std::vector<double> result;
  std::vector<int64_t> lower_counts;
  uint32_t counted_upper = kRadixSize;
  for (int64_t rank : ranks) {
    const uint32_t upper = FindBucket(upper_counts, rank);
    if (upper != counted_upper) {
      GRAMIAN_ASSIGN_OR_RETURN(lower_counts, CountBits(context, tiles, &upper));
      counted_upper = upper;
    }
    const uint32_t lower = FindBucket(lower_counts, rank);
    result.push_back(static_cast<double>(std::bit_cast<float>(upper << kRadixBits | lower)));
  }
  return result;
}

absl::StatusOr<Matrix> FillRsm(const ComputeContext& context, const Representation& layer,
                               const KernelSpec& kernel, double sigma, bool centered) {
  constexpr int64_t kTile = RsmTiles<double>::kTile;
  const int64_t n = layer.rows();
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(8 * n * (n + layer.cols()), "an n x n matrix"));
  GRAMIAN_ASSIGN_OR_RETURN(const RsmTiles<double> tiles,
                           RsmTiles<double>::Create(context, layer, kernel, sigma, centered));
  Matrix rsm(n, n);
  const int64_t tile_rows = (n + kTile - 1) / kTile;
  const absl::Status status = ParallelFor(context, tile_rows, [&](int64_t block) -> absl::Status {
    const int64_t row = block * kTile;
    const int64_t row_count = std::min(kTile, n - row);
    Matrix tile;
    for (int64_t col = row; col < n; col += kTile) {
      GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
      const int64_t col_count = std::min(kTile, n - col);
      tiles.Tile(row, row_count, col, col_count, tile);
      if (row == col) tile.triangularView<Eigen::StrictlyLower>() = tile.transpose();
      rsm.block(row, col, row_count, col_count) = tile;
      if (row != col) rsm.block(col, row, col_count, row_count) = tile.transpose();
    }
    return absl::OkStatus();
  });
  GRAMIAN_RETURN_IF_ERROR(status);
  return rsm;
}

}  // namespace

absl::StatusOr<double> ComputeBandwidth(const ComputeContext& context, const Representation& layer,
                                        const KernelSpec& kernel) {
  if (!kernel.has_bandwidth()) return 0.0;
  if (kernel.rule == BandwidthRule::kFixed) return kernel.factor;
  const int64_t n = layer.rows();
  const int64_t pairs = n * (n - 1) / 2;
  if (pairs == 0) {
    return WithReason(absl::FailedPreconditionError("a median bandwidth needs at least 2 inputs"),
                      "BANDWIDTH_UNDEFINED");
  }
  std::vector<int64_t> ranks = {(pairs - 1) / 2, pairs / 2};
  if (kernel.rule == BandwidthRule::kLowerMedian) ranks = {ranks[0]};
  // Among all n^2 values the n zeros of the diagonal come first and every pair counts twice.
  if (kernel.rule == BandwidthRule::kKornblith) ranks = {(n * n - 1) / 2, n * n / 2};
  std::vector<int64_t> pair_ranks;
  for (const int64_t rank : ranks) {
    pair_ranks.push_back(
        kernel.rule == BandwidthRule::kKornblith ? std::max<int64_t>(rank - n, 0) / 2 : rank);
  }
  GRAMIAN_ASSIGN_OR_RETURN(std::vector<double> values,
                           pairs <= kKeptPairs ? SelectKept(context, layer, pair_ranks)
                                               : SelectByBits(context, layer, pair_ranks));
  if (pairs > kKeptPairs && !std::all_of(values.begin(), values.end(), FitsFloat32)) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(2 * 8 * pairs, "squared distances"));
    GRAMIAN_ASSIGN_OR_RETURN(values, SelectKept(context, layer, pair_ranks));
  }
  double median = 0.0;
  for (size_t i = 0; i < values.size(); ++i) {
    const bool on_diagonal = kernel.rule == BandwidthRule::kKornblith && ranks[i] < n;
    if (!on_diagonal) median += values[i] / static_cast<double>(values.size());
  }
  if (!(median > 0.0)) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat("the median distance of the layer's ", n,
                                                   " inputs is 0; give a fixed bandwidth")),
        "BANDWIDTH_UNDEFINED");
  }
  return kernel.factor * std::sqrt(median);
}

absl::StatusOr<Matrix> ComputeRsm(const ComputeContext& context, const Representation& layer,
                                  const KernelSpec& kernel, double sigma) {
  return FillRsm(context, layer, kernel, sigma, /*centered=*/false);
}

absl::StatusOr<Matrix> ComputeCenteredRsm(const ComputeContext& context,
                                          const Representation& layer, const KernelSpec& kernel,
                                          double sigma) {
  GRAMIAN_ASSIGN_OR_RETURN(Matrix rsm, FillRsm(context, layer, kernel, sigma, /*centered=*/true));
  DoubleCenter(rsm);
  return rsm;
}

void DoubleCenter(Matrix& rsm) {
  const Vector means = rsm.rowwise().mean();
  const double mean = means.mean();
  for (Index i = 0; i < rsm.rows(); ++i) {
    // The sum of the two means commutes, so that a symmetric matrix stays symmetric to the bit.
    rsm.row(i).array() += mean - (means.transpose().array() + means[i]);
  }
}

}  // namespace gramian
