// Plain dense references of CCA and shape measures: QR with pivoting, Jacobi SVD and inverses of
// the whole matrices, nothing of the fast path.
#ifndef GRAMIAN_TESTS_MEASURE_NAIVE_SHAPE_H_
#define GRAMIAN_TESTS_MEASURE_NAIVE_SHAPE_H_

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <numeric>
#include <vector>

#include "gramian/base/matrix.h"

namespace gramian::testing {

using Dense = Eigen::MatrixXd;

inline Dense NaiveCenter(const Matrix& x) { return x.rowwise() - x.colwise().mean(); }

// An orthonormal basis of the column space.
inline Dense NaiveBasis(const Dense& x) {
  Eigen::ColPivHouseholderQR<Dense> qr(x);
  qr.setThreshold(1.0e-9);
  return Dense(qr.householderQ()).leftCols(qr.rank());
}

inline Vector NaiveSingularValues(const Dense& x) {
  return Eigen::JacobiSVD<Dense>(x).singularValues();
}

inline double NaiveNuclear(const Dense& x) { return NaiveSingularValues(x).sum(); }

// Canonical correlations of the column spaces.
inline Vector NaiveCorrelations(const Dense& x, const Dense& y) {
  return NaiveSingularValues(NaiveBasis(x).transpose() * NaiveBasis(y));
}

// R^2 of the least-squares prediction of `target` from `design`.
inline double NaiveRegression(const Dense& target, const Dense& design) {
  const Dense fitted = design * design.completeOrthogonalDecomposition().solve(target);
  return fitted.squaredNorm() / target.squaredNorm();
}

// The square root of a semidefinite matrix.
inline Dense NaiveRoot(const Dense& k) {
  const Eigen::SelfAdjointEigenSolver<Dense> eigen(k);
  return eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(0.0).cwiseSqrt().asDiagonal() *
         eigen.eigenvectors().transpose();
}

// x with as many columns as the wider of the two.
inline Dense NaivePad(const Dense& x, Index cols) {
  Dense padded = Dense::Zero(x.rows(), cols);
  padded.leftCols(x.cols()) = x;
  return padded;
}

// The largest sum of gains over all one-to-one assignments, by trying every one; m <= n <= 8.
inline double NaiveAssignment(const Dense& gains) {
  std::vector<Index> columns(static_cast<size_t>(gains.cols()));
  std::iota(columns.begin(), columns.end(), 0);
  double best = -1.0e300;
  do {
    double sum = 0.0;
    for (Index i = 0; i < gains.rows(); ++i) sum += gains(i, columns[static_cast<size_t>(i)]);
    best = std::max(best, sum);
  } while (std::next_permutation(columns.begin(), columns.end()));
  return best;
}

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_MEASURE_NAIVE_SHAPE_H_
