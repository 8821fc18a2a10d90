#include "gramian/geometry/rsm_stream.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/geometry/rsm_pair_sums.h"

namespace gramian {
namespace {

// A self term below this share of the magnitudes that were summed is rounding.
constexpr double kNoiseFactor = 64.0 * std::numeric_limits<double>::epsilon();

// A point amid the rows: the medians of the columns over some of them. Any point would do; unlike
// the mean this one is not dragged away by a single huge row, which would cost the others their
// digits.
Vector SampleCenter(const CenteredFeatures& features) {
  constexpr int64_t kSample = 63;
  const int64_t count = std::min(kSample, features.rows());
  Matrix sample(count, features.cols());
  for (int64_t i = 0; i < count; ++i) {
    features.ReadRows(i * features.rows() / count, 1, sample.row(i).data());
  }
  Vector center(features.cols());
  std::vector<double> column(static_cast<size_t>(count));
  for (Index j = 0; j < features.cols(); ++j) {
    for (int64_t i = 0; i < count; ++i) column[static_cast<size_t>(i)] = sample(i, j);
    const auto middle = column.begin() + count / 2;
    std::nth_element(column.begin(), middle, column.end());
    center[j] = *middle;
  }
  return center;
}

// <a, b> after centring with the given weights of the row and total terms, and the size of what was
// summed.
struct Centered {
  double value;
  double magnitude;
};
Centered Center(double product, const Vector& a_rows, const Vector& b_rows, double row_weight,
                double total_weight) {
  const double rows = row_weight * a_rows.dot(b_rows);
  const double total = total_weight * a_rows.sum() * b_rows.sum();
  return {product - rows + total, std::abs(product) + std::abs(rows) + std::abs(total)};
}

}  // namespace

template <typename Scalar>
absl::StatusOr<RsmTiles<Scalar>> RsmTiles<Scalar>::Create(const ComputeContext& context,
                                                          const Representation& layer,
                                                          const KernelSpec& kernel, double sigma,
                                                          bool centered) {
  // Non-owning: the features are read here only.
  const std::shared_ptr<const Representation> borrowed(std::shared_ptr<const Representation>(),
                                                       &layer);
  return Create(context, CenteredFeatures(borrowed, kernel.kind == KernelKind::kCosine), kernel,
                sigma, centered);
}

template <typename Scalar>
absl::StatusOr<RsmTiles<Scalar>> RsmTiles<Scalar>::Create(const ComputeContext& context,
                                                          const CenteredFeatures& features,
                                                          const KernelSpec& kernel, double sigma,
                                                          bool centered) {
  const int64_t n = features.rows();
  const int64_t d = features.cols();
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(n * d * static_cast<int64_t>(sizeof(Scalar)), "centred activations"));
  Vector mean = Vector::Zero(d);
  if (centered || !kernel.is_feature_map()) mean = SampleCenter(features);
  RsmTiles tiles;
  tiles.kernel_ = kernel;
  tiles.sigma_ = sigma;
  tiles.values_.resize(n, d);
  tiles.norms_.resize(n);
  const int64_t blocks = (n + kTile - 1) / kTile;
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, blocks, [&](int64_t block) {
    const int64_t first = block * kTile;
    const int64_t count = std::min(kTile, n - first);
    Matrix wide(count, d);
    features.ReadRows(first, count, wide.data());
    wide.rowwise() -= mean.transpose();
    tiles.values_.middleRows(first, count) = wide.template cast<Scalar>();
    tiles.norms_.segment(first, count) =
        wide.rowwise().squaredNorm().transpose().array().template cast<Scalar>();
    return absl::OkStatus();
  }));
  return tiles;
}

template <typename Scalar>
void RsmTiles<Scalar>::SquaredDistances(int64_t row, int64_t row_count, int64_t col,
                                        int64_t col_count, MatrixOf<Scalar>& tile) const {
  // Where |x_i|^2 + |x_j|^2 - 2 x_i . x_j cancels to less than this share, the difference itself is
  // squared.
  static const Scalar kCancelled = std::sqrt(std::numeric_limits<Scalar>::epsilon());
  const int64_t d = values_.cols();
  tile.resize(row_count, col_count);
  Gemm(Transpose::kNo, Transpose::kYes, row_count, col_count, d, Scalar{1}, values_.row(row).data(),
       d, values_.row(col).data(), d, Scalar{0}, tile.data(), col_count);
  Eigen::Array<Scalar, 1, Eigen::Dynamic> sizes(col_count);
  for (int64_t i = 0; i < row_count; ++i) {
    auto entries = tile.row(i).array();
    sizes = norms_.segment(col, col_count) + norms_[row + i];
    entries = sizes - Scalar{2} * entries;
    if ((entries - kCancelled * sizes).minCoeff() > Scalar{0}) continue;
    for (int64_t j = 0; j < col_count; ++j) {
      if (entries[j] > kCancelled * sizes[j]) continue;
      entries[j] = (values_.row(row + i) - values_.row(col + j)).squaredNorm();
    }
  }
}

template <typename Scalar>
void RsmTiles<Scalar>::Tile(int64_t row, int64_t row_count, int64_t col, int64_t col_count,
                            MatrixOf<Scalar>& tile) const {
  if (kernel_.is_feature_map()) {
    const int64_t d = values_.cols();
    tile.resize(row_count, col_count);
    Gemm(Transpose::kNo, Transpose::kYes, row_count, col_count, d, Scalar{1},
         values_.row(row).data(), d, values_.row(col).data(), d, Scalar{0}, tile.data(), col_count);
    return;
  }
  SquaredDistances(row, row_count, col, col_count, tile);
  auto entries = tile.array();
  switch (kernel_.kind) {
    case KernelKind::kRbf:
      entries = (entries * static_cast<Scalar>(-0.5 / (sigma_ * sigma_))).exp();
      break;
    case KernelKind::kLaplacian:
      entries = (entries.sqrt() * static_cast<Scalar>(-1.0 / sigma_)).exp();
      break;
    default:
      if (kernel_.exponent == 1.0) {
        entries = -entries.sqrt();
      } else {
        entries = -entries.pow(static_cast<Scalar>(0.5 * kernel_.exponent));
      }
  }
}

template class RsmTiles<float>;
template class RsmTiles<double>;

template <typename Scalar>
absl::StatusOr<RsmPairSums> SumRsmPair(const ComputeContext& context, const RsmTiles<Scalar>& a,
                                       const RsmTiles<Scalar>& b) {
  return SumTilePairs(context, a, b);
}

template absl::StatusOr<RsmPairSums> SumRsmPair(const ComputeContext&, const RsmTiles<float>&,
                                                const RsmTiles<float>&);
template absl::StatusOr<RsmPairSums> SumRsmPair(const ComputeContext&, const RsmTiles<double>&,
                                                const RsmTiles<double>&);

AlignmentSums BiasedSums(const RsmPairSums& sums) {
  const auto n = static_cast<double>(sums.rows);
  const Vector a_rows = sums.a_rows + sums.a_diagonal;
  const Vector b_rows = sums.b_rows + sums.b_diagonal;
  const double row_weight = 2.0 / n;
  const double total_weight = 1.0 / (n * n);
  const Centered ab = Center(sums.ab + sums.a_diagonal.dot(sums.b_diagonal), a_rows, b_rows,
                             row_weight, total_weight);
  const Centered aa =
      Center(sums.aa + sums.a_diagonal.squaredNorm(), a_rows, a_rows, row_weight, total_weight);
  const Centered bb =
      Center(sums.bb + sums.b_diagonal.squaredNorm(), b_rows, b_rows, row_weight, total_weight);
  return {ab.value, aa.value, bb.value, kNoiseFactor * aa.magnitude, kNoiseFactor * bb.magnitude};
}

AlignmentSums DebiasedSums(const RsmPairSums& sums) {
  const auto n = static_cast<double>(sums.rows);
  const double row_weight = 2.0 / (n - 2.0);
  const double total_weight = 1.0 / ((n - 1.0) * (n - 2.0));
  const Centered ab = Center(sums.ab, sums.a_rows, sums.b_rows, row_weight, total_weight);
  const Centered aa = Center(sums.aa, sums.a_rows, sums.a_rows, row_weight, total_weight);
  const Centered bb = Center(sums.bb, sums.b_rows, sums.b_rows, row_weight, total_weight);
  return {ab.value, aa.value, bb.value, kNoiseFactor * aa.magnitude, kNoiseFactor * bb.magnitude};
}

AlignmentSums ZeroDiagonalSums(const RsmPairSums& sums) {
  const auto n = static_cast<double>(sums.rows);
  // Of the doubly centred matrix.
  const auto diagonal = [n](const Vector& entries, const Vector& off_diagonal_rows) -> Vector {
    const Vector rows = off_diagonal_rows + entries;
    return (entries - (2.0 / n) * rows).array() + rows.sum() / (n * n);
  };
  const Vector a = diagonal(sums.a_diagonal, sums.a_rows);
  const Vector b = diagonal(sums.b_diagonal, sums.b_rows);
  AlignmentSums result = BiasedSums(sums);
  result.ab -= a.dot(b);
  result.aa -= a.squaredNorm();
  result.bb -= b.squaredNorm();
  return result;
}

template <typename Scalar>
absl::Status VisitSquaredDistances(
    const ComputeContext& context, const RsmTiles<Scalar>& tiles,
    const std::function<void(int64_t, const MatrixOf<Scalar>&, bool)>& visit) {
  return ParallelFor(context, kLanes, [&](int64_t lane) {
    MatrixOf<Scalar> tile;
    return ForEachTileOfLane(
        context, tiles.rows(), RsmTiles<Scalar>::kTile, lane, [&](const TileRange& range) {
          tiles.SquaredDistances(range.row, range.row_count, range.col, range.col_count, tile);
          visit(lane, tile, range.is_diagonal);
        });
  });
}

template absl::Status VisitSquaredDistances(
    const ComputeContext&, const RsmTiles<float>&,
    const std::function<void(int64_t, const MatrixF&, bool)>&);
template absl::Status VisitSquaredDistances(
    const ComputeContext&, const RsmTiles<double>&,
    const std::function<void(int64_t, const Matrix&, bool)>&);

}  // namespace gramian
