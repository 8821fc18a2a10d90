#include "gramian/measure/metric_mds.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "gramian/base/status_macros.h"
#include "gramian/base/symmetric_eigen.h"

namespace gramian {
namespace {

constexpr double kNoise = 64.0 * std::numeric_limits<double>::epsilon();
constexpr int kMaxIterations = 1000;

Matrix DistancesOf(const Matrix& x) {
  Matrix distances(x.rows(), x.rows());
  for (Index i = 0; i < x.rows(); ++i) {
    distances.row(i) = (x.rowwise() - x.row(i)).rowwise().norm().transpose();
  }
  return distances;
}

// Eigenvectors of the largest eigenvalues of -H D^2 H / 2, times their roots.
absl::StatusOr<Matrix> ClassicalScaling(const ComputeContext& context, const Matrix& distances,
                                        Index dimensions) {
  Matrix gram = -0.5 * distances.cwiseAbs2();
  const Vector rows = gram.rowwise().mean();
  const double mean = rows.mean();
  gram.colwise() -= rows;
  gram.rowwise() -= rows.transpose();
  gram.array() += mean;
  GRAMIAN_ASSIGN_OR_RETURN(const SymmetricEigen eigen, EigenDecompose(context, std::move(gram)));
  const Index kept = std::min(dimensions, eigen.values.size());
  Matrix x = Matrix::Zero(distances.rows(), dimensions);
  x.leftCols(kept) = eigen.vectors.topRows(kept).transpose() *
                     eigen.values.head(kept).cwiseMax(0.0).cwiseSqrt().asDiagonal();
  return x;
}

// Guttman's transform B(x) x / K, B_ij = -d_ij / e_ij off the diagonal, rows summing to 0; e = the
// distances of x.
Matrix Guttman(const Matrix& distances, const Matrix& embedded, const Matrix& x) {
  Matrix b(distances.rows(), distances.cols());
  for (Index i = 0; i < b.rows(); ++i) {
    for (Index j = 0; j < b.cols(); ++j) {
      b(i, j) = embedded(i, j) > 0.0 ? -distances(i, j) / embedded(i, j) : 0.0;
    }
  }
  const Vector rows = b.rowwise().sum();
  b.diagonal() -= rows;
  return b * x / static_cast<double>(x.rows());
}

// Mean 0, principal directions, signs.
absl::StatusOr<Matrix> Align(Matrix x) {
  x.rowwise() -= Eigen::RowVectorXd(x.colwise().mean());
  GRAMIAN_ASSIGN_OR_RETURN(const SymmetricEigen axes, EigenDecompose(Matrix(x.transpose() * x)));
  x = Matrix(x * axes.vectors.transpose());
  for (Index k = 0; k < x.cols(); ++k) {
    Index largest = 0;
    x.col(k).cwiseAbs().maxCoeff(&largest);
    if (x(largest, k) < 0.0) x.col(k) *= -1.0;
  }
  return x;
}

}  // namespace

absl::StatusOr<MdsEmbedding> EmbedMetric(const ComputeContext& context, const Matrix& distances,
                                         Index dimensions) {
  const Index count = distances.rows();
  GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(5 * 8 * count * count, "multidimensional scaling"));
  MdsEmbedding result;
  GRAMIAN_ASSIGN_OR_RETURN(Matrix x, ClassicalScaling(context, distances, dimensions));
  const double norm = distances.norm();
  if (norm > 0.0) {
    Matrix embedded = DistancesOf(x);
    result.stress = (distances - embedded).norm() / norm;
    for (; result.iterations < kMaxIterations; ++result.iterations) {
      GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
      Matrix moved = Guttman(distances, embedded, x);
      Matrix moved_distances = DistancesOf(moved);
      const double stress = (distances - moved_distances).norm() / norm;
      if (!(stress < result.stress - kNoise)) break;
      x = std::move(moved);
      embedded = std::move(moved_distances);
      result.stress = stress;
    }
  }
  GRAMIAN_ASSIGN_OR_RETURN(result.coordinates, Align(std::move(x)));
  return result;
}

}  // namespace gramian
