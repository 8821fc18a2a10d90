#include "gramian/measure/affine_geometry.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "gramian/base/symmetric_eigen.h"

namespace gramian {
namespace {

// L_a^-1 m.
Matrix Whiten(const Matrix& lower, Matrix m) {
  lower.triangularView<Eigen::Lower>().solveInPlace(m);
  return m;
}

// The logarithm of A A' from A: its eigenvalues, and eigenvectors in rows.
struct Logarithm {
  Vector values;
  Matrix vectors;

  Matrix ToMatrix() const {
    return Product(vectors, Transpose::kYes, values.asDiagonal() * vectors, Transpose::kNo);
  }
};

absl::StatusOr<Logarithm> LogarithmOf(const Matrix& factor) {
  GRAMIAN_ASSIGN_OR_RETURN(SingularValues svd, SvdDecompose(factor));
  return Logarithm{2.0 * svd.values.array().log().matrix(), std::move(svd.left)};
}

// The largest eigenvalue of the Hessian of half a squared distance whose logarithm has eigenvalues
// in a range of this width: h coth h with h = width / 2.
double Bend(double width) {
  const double half = 0.5 * width;
  return half < 1.0e-8 ? 1.0 : half / std::tanh(half);
}

// exp(factor h) of a symmetric matrix.
absl::StatusOr<Matrix> Exponential(const ComputeContext& context, Matrix h, double factor) {
  GRAMIAN_ASSIGN_OR_RETURN(const SymmetricEigen eigen, EigenDecompose(context, std::move(h)));
  const Vector values = (factor * eigen.values).array().exp().matrix();
  return Product(eigen.vectors, Transpose::kYes, values.asDiagonal() * eigen.vectors,
                 Transpose::kNo);
}

Matrix InnerProducts(const std::vector<Matrix>& matrices) {
  const auto count = static_cast<Index>(matrices.size());
  Matrix result(count, count);
  for (Index i = 0; i < count; ++i) {
    for (Index j = 0; j < count; ++j) {
      result(i, j) =
          matrices[static_cast<size_t>(i)].cwiseProduct(matrices[static_cast<size_t>(j)]).sum();
    }
  }
  return result;
}

}  // namespace

Matrix LowerFactor(Matrix semidefinite, double ridge) {
  constexpr double kNoise = 64.0 * std::numeric_limits<double>::epsilon();
  // Also if the trace is not finite.
  if (!(kNoise * semidefinite.trace() < ridge)) return {};
  semidefinite.diagonal().array() += ridge;
  const Eigen::LLT<Matrix> llt(semidefinite);
  return llt.info() == Eigen::Success ? Matrix(llt.matrixL()) : Matrix();
}

absl::StatusOr<double> AffineInvariantDistance(const Matrix& lower_a, const Matrix& lower_b) {
  GRAMIAN_ASSIGN_OR_RETURN(const Vector values, SingularValuesOf(Whiten(lower_a, lower_b)));
  return 2.0 * values.array().log().matrix().norm();
}

// L_a^-1 S_b L_a^-T = factor factor' in the basis where the geodesic is diag(exp(s logs)).
struct AffineGeometry::Line {
  Vector logs;
  Matrix factor;
};

AffineGeometry::AffineGeometry(const ComputeContext& context, std::vector<Matrix> lower,
                               absl::Span<const Score> scores)
    : CurvedGeometry(context, scores, /*samples=*/1), lower_(std::move(lower)) {}

bool AffineGeometry::Coincide(Index a, Index b) const {
  constexpr double kRounding = 1.0e-8;
  return distance(a, b) <= kRounding;
}

absl::StatusOr<PathValue> AffineGeometry::CosineAt(Index a, Index b, Index c) const {
  GRAMIAN_RETURN_IF_ERROR(context().CheckStop());
  GRAMIAN_ASSIGN_OR_RETURN(const Logarithm to_a, LogarithmOf(Whiten(lower(b), lower(a))));
  GRAMIAN_RETURN_IF_ERROR(context().CheckStop());
  GRAMIAN_ASSIGN_OR_RETURN(const Logarithm to_c, LogarithmOf(Whiten(lower(b), lower(c))));
  // tr(log log) = sum_ij a_i c_j (u_i . v_j)^2.
  const Matrix overlap = Product(to_a.vectors, Transpose::kNo, to_c.vectors, Transpose::kYes);
  const double inner = to_a.values.dot(overlap.cwiseAbs2() * to_c.values);
  return PathValue{ScoreStatus::kOk, inner / (to_a.values.norm() * to_c.values.norm())};
}

absl::StatusOr<CurvedGeometry::Sight> AffineGeometry::See(Index b, Index a, Index c) const {
  GRAMIAN_RETURN_IF_ERROR(context().CheckStop());
  GRAMIAN_ASSIGN_OR_RETURN(Logarithm to_c, LogarithmOf(Whiten(lower(a), lower(c))));
  const auto line = std::make_shared<Line>();
  line->logs = std::move(to_c.values);
  line->factor = Product(to_c.vectors, Transpose::kNo, Whiten(lower(a), lower(b)), Transpose::kNo);
  return Sight{ScoreStatus::kOk, [this, line](double fraction) { return Near(*line, fraction); }};
}

// The value is half the squared distance, which is convex.
absl::StatusOr<Nearness> AffineGeometry::Near(const Line& line, double fraction) const {
  GRAMIAN_RETURN_IF_ERROR(context().CheckStop());
  const Vector scale = (-0.5 * fraction * line.logs).array().exp().matrix();
  GRAMIAN_ASSIGN_OR_RETURN(const Logarithm log, LogarithmOf(scale.asDiagonal() * line.factor));
  const Vector diagonal = log.vectors.cwiseAbs2().transpose() * log.values;
  const double length = log.values.norm();
  return Nearness{0.5 * length * length, -line.logs.dot(diagonal), length};
}

absl::StatusOr<CurvedGeometry::MeanLogarithms> AffineGeometry::FindMean(
    absl::Span<const Index> chosen) const {
  constexpr int kMaxIterations = 1000;
  constexpr double kStep = 1.0e-9;
  const std::vector<double> sums = SumsOfSquares(chosen);
  const auto middle = std::min_element(sums.begin(), sums.end());
  const Matrix& start = lower(chosen[static_cast<size_t>(middle - sums.begin())]);
  const auto count = static_cast<double>(chosen.size());
  const double scale = std::sqrt(*middle / count);
  // The mean is g^-1 g^-T.
  Matrix g = Whiten(start, Matrix::Identity(start.rows(), start.rows()));
  std::vector<Matrix> logs(chosen.size());
  for (int iteration = 0; iteration < kMaxIterations; ++iteration) {
    Matrix mean = Matrix::Zero(g.rows(), g.rows());
    double bend = 0.0;
    for (size_t i = 0; i < chosen.size(); ++i) {
      GRAMIAN_RETURN_IF_ERROR(context().CheckStop());
      const Matrix whitened = Product(g, Transpose::kNo, lower(chosen[i]), Transpose::kNo);
      GRAMIAN_ASSIGN_OR_RETURN(const Logarithm log, LogarithmOf(whitened));
      logs[i] = log.ToMatrix();
      mean += logs[i] / count;
      bend += Bend(log.values.maxCoeff() - log.values.minCoeff()) / count;
    }
    if (mean.norm() <= kStep * scale) {
      return MeanLogarithms{ScoreStatus::kOk, InnerProducts(logs)};
    }
    // The step is 2 / (1 + bend), and half of it is taken from either side.
    GRAMIAN_ASSIGN_OR_RETURN(const Matrix step,
                             Exponential(context(), std::move(mean), -1.0 / (1.0 + bend)));
    g = Product(step, Transpose::kNo, g, Transpose::kNo);
  }
  return MeanLogarithms{ScoreStatus::kAntipodalPoints, {}};
}

}  // namespace gramian
