#include "gramian/measure/functional_similarity.h"

#include <algorithm>
#include <cmath>

#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

// The share of |M|^2 that is off the diagonal; 1 if M is 0.
double OffDiagonalShare(const Matrix& m) {
  Matrix off = m;
  off.diagonal().setZero();
  const double total = m.squaredNorm();
  return total > 0.0 ? std::min(off.squaredNorm() / total, 1.0) : 1.0;
}

double Unsquared(const Matrix& m) { return 1.0 - std::sqrt(OffDiagonalShare(m)); }

Matrix Gram(const Matrix& m) { return Product(m, Transpose::kYes, m, Transpose::kNo); }
Matrix RowGram(const Matrix& m) { return Product(m, Transpose::kNo, m, Transpose::kYes); }

}  // namespace

FunctionalScores ScoreFunctionalMap(const Matrix& map, const Vector& a_values,
                                    const Vector& b_values) {
  FunctionalScores scores;
  const Matrix gram = Gram(map);
  scores.published = 1.0 - OffDiagonalShare(gram);
  scores.official = Unsquared(gram);
  const Matrix inner = map.bottomRightCorner(map.rows() - 1, map.cols() - 1);
  scores.corrected = 0.5 * (Unsquared(Gram(inner)) + Unsquared(RowGram(inner)));
  const auto smaller = static_cast<double>(std::min(inner.rows(), inner.cols()));
  scores.overlap = std::min(inner.squaredNorm() / smaller, 1.0);
  scores.defect = (gram - Matrix::Identity(gram.rows(), gram.cols())).norm() /
                  std::sqrt(static_cast<double>(gram.rows()));
  const Matrix before = map * a_values.asDiagonal();
  const Matrix after = b_values.asDiagonal() * map;
  const double sizes = before.norm() + after.norm();
  scores.commutator = sizes > 0.0 ? (before - after).norm() / sizes : 0.0;
  return scores;
}

absl::StatusOr<Vector> DistortionOf(const Matrix& map, const LaplacianEigenbasis& b) {
  GRAMIAN_ASSIGN_OR_RETURN(const SingularValues svd, SvdDecompose(map));
  const Vector least = svd.left.row(svd.left.rows() - 1);
  return Vector((b.modes().topRows(map.rows()).transpose() * least).cwiseAbs());
}

}  // namespace gramian
