#include "gramian/tangent/factor_field.h"

#include <Eigen/QR>
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "gramian/base/checked_size.h"
#include "gramian/base/status_macros.h"
#include "gramian/tangent/pullback_factor.h"

namespace gramian {
namespace {

using FieldPtr = std::shared_ptr<const FactorField>;

absl::Status CheckActivations(const Representation& activations) {
  const RowLayout& layout = activations.shape().layout;
  if (!layout.is_tangent()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("differences are taken of activations, not of a ", ToString(layout.kind)));
}

// Factors of the Jacobians that jacobian_at(i) -> StatusOr<Matrix> gives, in blocks of about
// 10 ms.
template <typename JacobianAt>
absl::StatusOr<FieldPtr> MakeField(const ComputeContext& context, int64_t rows, Index coordinates,
                                   int64_t flops_per_row, const JacobianAt& jacobian_at) {
  const Index packed_size = PackedSize(coordinates);
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t bytes,
                           CheckedProduct({rows, packed_size, static_cast<int64_t>(sizeof(double))},
                                          "the factors in bytes"));
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(bytes, "factors of a pullback metric"));
  Matrix packed(rows, packed_size);
  constexpr int64_t kBlockFlops = 10'000'000;
  const int64_t block = std::max<int64_t>(kBlockFlops / std::max<int64_t>(flops_per_row, 1), 1);
  GRAMIAN_RETURN_IF_ERROR(
      ParallelFor(context, (rows + block - 1) / block, [&](int64_t index) -> absl::Status {
        const int64_t end = std::min(rows, (index + 1) * block);
        for (int64_t i = index * block; i < end; ++i) {
          GRAMIAN_ASSIGN_OR_RETURN(const Matrix jacobian, jacobian_at(i));
          packed.row(i) = FactorOfJacobian(jacobian);
        }
        return absl::OkStatus();
      }));
  return std::make_shared<const FactorField>(coordinates, std::move(packed));
}

absl::Status CheckAxes(const std::vector<GridAxis>& axes, int64_t rows) {
  const auto count = static_cast<int64_t>(axes.size());
  if (count < 1 || count > kMaxCoordinates) {
    return absl::InvalidArgumentError(
        absl::StrCat("a grid has ", count, " axes, must be from 1 to ", kMaxCoordinates));
  }
  int64_t points = 1;
  for (size_t i = 0; i < axes.size(); ++i) {
    const GridAxis& axis = axes[i];
    if (axis.size < kMinGridSize) {
      return absl::InvalidArgumentError(absl::StrCat("axis ", i, " of the grid has ", axis.size,
                                                     " points, must be at least ", kMinGridSize));
    }
    if (!std::isfinite(axis.spacing) || axis.spacing <= 0.0) {
      return absl::InvalidArgumentError(absl::StrCat("axis ", i, " of the grid has spacing ",
                                                     axis.spacing,
                                                     ", must be a finite number above 0"));
    }
    GRAMIAN_ASSIGN_OR_RETURN(points, CheckedProduct({points, axis.size}, "the points of the grid"));
  }
  if (points == rows) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the grid has ", points, " points, the layer has ", rows, " inputs"));
}

// Weights, times 12, of the five points from `first` on for the derivative at the point `place` of
// them.
using Stencil = std::array<double, 5>;
constexpr std::array<Stencil, 5> kStencils = {{{-25, 48, -36, 16, -3},
                                               {-3, -10, 18, -6, 1},
                                               {1, -8, 0, 8, -1},
                                               {-1, 6, -18, 10, 3},
                                               {3, -16, 36, -48, 25}}};

// Differences along one axis.
class AxisDifference {
 public:
  // `stride`: rows between neighbours.
  AxisDifference(const GridAxis& axis, int64_t stride) : axis_(axis), stride_(stride) {}

  // d/dp of the activations at `row`.
  Vector At(const Representation& activations, int64_t row) const {
    const int64_t at = row / stride_ % axis_.size;
    const int64_t first = axis_.periodic ? at - 2 : std::clamp<int64_t>(at - 2, 0, axis_.size - 5);
    const Stencil& stencil = kStencils[static_cast<size_t>(at - first)];
    Vector sum = Vector::Zero(activations.cols());
    Vector values(activations.cols());
    for (int64_t t = 0; t < 5; ++t) {
      const double weight = stencil[static_cast<size_t>(t)];
      if (weight == 0.0) continue;
      const int64_t other = (first + t + axis_.size) % axis_.size;
      activations.ReadRows(row + (other - at) * stride_, 1, values.data());
      sum += weight * values;
    }
    return sum / (12.0 * axis_.spacing);
  }

 private:
  const GridAxis axis_;
  const int64_t stride_;
};

// The `count` rows of `points` nearest to row i, itself left out, ties by row.
std::vector<Index> Nearest(const Matrix& points, Index i, Index count) {
  const Vector distances = (points.rowwise() - points.row(i)).rowwise().squaredNorm();
  std::vector<Index> order(static_cast<size_t>(points.rows()));
  std::iota(order.begin(), order.end(), Index{0});
  order.erase(order.begin() + i);
  const auto nearer = [&](Index a, Index b) {
    return distances[a] < distances[b] || (distances[a] == distances[b] && a < b);
  };
  std::partial_sort(order.begin(), order.begin() + count, order.end(), nearer);
  order.resize(static_cast<size_t>(count));
  return order;
}

// m x k weights that turn differences of activations to the neighbours into the Jacobian at row i.
absl::StatusOr<Matrix> FitWeights(const Matrix& points, Index i,
                                  const std::vector<Index>& neighbors) {
  const Index m = points.cols();
  const auto k = static_cast<Index>(neighbors.size());
  Matrix steps(k, m);
  for (Index t = 0; t < k; ++t) {
    steps.row(t) = points.row(neighbors[static_cast<size_t>(t)]) - points.row(i);
  }
  const double reach = steps.rowwise().norm().maxCoeff();
  const auto undetermined = [&] {
    return absl::InvalidArgumentError(absl::StrCat("the ", k, " points nearest to row ", i,
                                                   " do not determine derivatives along ", m,
                                                   " coordinates"));
  };
  if (reach == 0.0) return undetermined();
  steps /= reach;
  Eigen::MatrixXd design(k, m + PackedSize(m));
  design.leftCols(m) = steps;
  Index next = m;
  for (Index a = 0; a < m; ++a) {
    for (Index b = a; b < m; ++b) {
      design.col(next++) = steps.col(a).cwiseProduct(steps.col(b));
    }
  }
  const Vector weights = (-steps.rowwise().squaredNorm()).array().exp();
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(weights.asDiagonal() * design);
  if (qr.rank() < design.cols()) return undetermined();
  const Eigen::MatrixXd solution = qr.solve(Eigen::MatrixXd(weights.asDiagonal()));
  return Matrix(solution.topRows(m) / reach);
}

}  // namespace

absl::StatusOr<FieldPtr> FieldOfFactors(const ComputeContext& context,
                                        const Representation& factors) {
  const RowLayout& layout = factors.shape().layout;
  if (layout.kind != RowKind::kFactor) {
    return absl::InvalidArgumentError(
        absl::StrCat("rows of ", ToString(layout.kind), " are no factors"));
  }
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(factors.rows() * factors.cols() * static_cast<int64_t>(sizeof(double)),
                           "factors of a pullback metric"));
  Matrix packed(factors.rows(), factors.cols());
  factors.ReadRows(0, factors.rows(), packed.data());
  return std::make_shared<const FactorField>(layout.coordinates, std::move(packed));
}

absl::StatusOr<FieldPtr> FieldOfGrid(const ComputeContext& context,
                                     const Representation& activations,
                                     const std::vector<GridAxis>& axes) {
  GRAMIAN_RETURN_IF_ERROR(CheckActivations(activations));
  GRAMIAN_RETURN_IF_ERROR(CheckAxes(axes, activations.rows()));
  const auto m = static_cast<Index>(axes.size());
  std::vector<AxisDifference> differences;
  int64_t stride = activations.rows();
  for (const GridAxis& axis : axes) {
    stride /= axis.size;
    differences.emplace_back(axis, stride);
  }
  const int64_t flops = activations.cols() * m * (10 + 2 * m);
  return MakeField(context, activations.rows(), m, flops,
                   [&](int64_t row) -> absl::StatusOr<Matrix> {
                     Matrix jacobian(activations.cols(), m);
                     for (Index a = 0; a < m; ++a) {
                       jacobian.col(a) = differences[static_cast<size_t>(a)].At(activations, row);
                     }
                     return jacobian;
                   });
}

absl::StatusOr<FieldPtr> FieldOfScattered(const ComputeContext& context,
                                          const Representation& activations,
                                          const Representation& coordinates) {
  GRAMIAN_RETURN_IF_ERROR(CheckActivations(activations));
  GRAMIAN_RETURN_IF_ERROR(CheckActivations(coordinates));
  const int64_t n = activations.rows();
  const Index m = coordinates.cols();
  if (m > kMaxScatteredCoordinates) {
    return absl::InvalidArgumentError(absl::StrCat(
        "scattered inputs have ", m, " coordinates, must be from 1 to ", kMaxScatteredCoordinates));
  }
  if (coordinates.rows() != n) {
    return absl::InvalidArgumentError(absl::StrCat("there are coordinates of ", coordinates.rows(),
                                                   " inputs, the layer has ", n));
  }
  const int64_t unknowns = m + PackedSize(m);
  if (n <= unknowns) {
    return absl::InvalidArgumentError(absl::StrCat("a quadratic in ", m, " coordinates needs ",
                                                   unknowns + 1, " inputs, there are ", n));
  }
  const Index k = std::min(n - 1, 3 * unknowns + 5);
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(n * m * static_cast<int64_t>(sizeof(double)),
                                               "coordinates of the inputs"));
  Matrix points(n, m);
  coordinates.ReadRows(0, n, points.data());
  const int64_t d = activations.cols();
  return MakeField(
      context, n, m, n * (2 * m + 10) + 2 * k * d * m, [&](int64_t row) -> absl::StatusOr<Matrix> {
        const std::vector<Index> neighbors = Nearest(points, row, k);
        GRAMIAN_ASSIGN_OR_RETURN(const Matrix weights, FitWeights(points, row, neighbors));
        Vector here(d);
        Vector there(d);
        activations.ReadRows(row, 1, here.data());
        Matrix jacobian = Matrix::Zero(d, m);
        for (Index t = 0; t < k; ++t) {
          activations.ReadRows(neighbors[static_cast<size_t>(t)], 1, there.data());
          jacobian += (there - here) * weights.col(t).transpose();
        }
        return jacobian;
      });
}

}  // namespace gramian
