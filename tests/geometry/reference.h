// Textbook versions of what the library computes, in long double: the oracles of the geometry
// tests. Nothing here is clever, so that it can be read against the formulas.
#ifndef GRAMIAN_TESTS_GEOMETRY_REFERENCE_H_
#define GRAMIAN_TESTS_GEOMETRY_REFERENCE_H_

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "gramian/base/matrix.h"
#include "gramian/geometry/kernel.h"

namespace gramian::testing {

using Long = long double;
using LongMatrix = Eigen::Matrix<Long, Eigen::Dynamic, Eigen::Dynamic>;

inline constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
inline constexpr double kEpsilonF = std::numeric_limits<float>::epsilon();

// `x` as it is after rounding to float32.
inline Matrix Rounded(const Matrix& x) { return x.cast<float>().cast<double>(); }

inline Long SquaredDistance(const LongMatrix& x, Index i, Index j) {
  return (x.row(i) - x.row(j)).squaredNorm();
}

// K of `kernel`, entry by entry.
inline LongMatrix NaiveRsm(const Matrix& activations, const KernelSpec& kernel, double sigma) {
  const LongMatrix x = activations.cast<Long>();
  const Index n = x.rows();
  LongMatrix rsm(n, n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < n; ++j) {
      if (j < i) {
        rsm(i, j) = rsm(j, i);
        continue;
      }
      switch (kernel.kind) {
        case KernelKind::kLinear:
          rsm(i, j) = x.row(i).dot(x.row(j));
          break;
        case KernelKind::kCosine: {
          const Long norms = x.row(i).norm() * x.row(j).norm();
          rsm(i, j) = norms > 0 ? x.row(i).dot(x.row(j)) / norms : Long{0};
          break;
        }
        case KernelKind::kRbf:
          rsm(i, j) = std::exp(-SquaredDistance(x, i, j) / (2 * Long{sigma} * Long{sigma}));
          break;
        case KernelKind::kLaplacian:
          rsm(i, j) = std::exp(-std::sqrt(SquaredDistance(x, i, j)) / Long{sigma});
          break;
        case KernelKind::kDistance:
          rsm(i, j) = -std::sqrt(SquaredDistance(x, i, j));
          break;
      }
    }
  }
  return rsm;
}

// H K H: the means of the columns taken off, then those of the rows.
inline LongMatrix NaiveCentered(LongMatrix rsm) {
  rsm.rowwise() -= rsm.colwise().mean().eval();
  rsm.colwise() -= rsm.rowwise().mean().eval();
  return rsm;
}

// U-centring: for i != j  k_ij - (k_i. + k_.j) / (n - 2) + k.. / ((n - 1)(n - 2)), sums without the
// diagonal; 0 on the diagonal.
inline LongMatrix NaiveUCentered(LongMatrix rsm) {
  const auto n = static_cast<Long>(rsm.rows());
  rsm.diagonal().setZero();
  const Eigen::Matrix<Long, Eigen::Dynamic, 1> sums = rsm.rowwise().sum();
  LongMatrix result = LongMatrix::Zero(rsm.rows(), rsm.cols());
  for (Index i = 0; i < rsm.rows(); ++i) {
    for (Index j = 0; j < rsm.cols(); ++j) {
      if (i == j) continue;
      result(i, j) = rsm(i, j) - (sums[i] + sums[j]) / (n - 2) + sums.sum() / ((n - 1) * (n - 2));
    }
  }
  return result;
}

// S~ of the linear kernel: from features centred first.
inline LongMatrix NaiveCenteredGram(const Matrix& activations) {
  LongMatrix x = activations.cast<Long>();
  x.rowwise() -= x.colwise().mean().eval();
  return x * x.transpose();
}

inline Long NaiveCosine(const LongMatrix& a, const LongMatrix& b) {
  return a.cwiseProduct(b).sum() / (a.norm() * b.norm());
}

// A power scaled to norm 1, t >= 1, by repeated squaring.
inline LongMatrix UnitPower(const LongMatrix& matrix, int64_t t) {
  const LongMatrix unit = matrix / matrix.norm();
  if (t == 1) return unit;
  const LongMatrix half = UnitPower(unit, t / 2);
  LongMatrix power = half * half;
  if (t % 2 == 1) power = (power * unit).eval();
  return power / power.norm();
}

// A real power of a positive semidefinite matrix of rank `rank`, scaled.
inline LongMatrix RealPower(const LongMatrix& matrix, Index rank, double t) {
  const Eigen::SelfAdjointEigenSolver<LongMatrix> eigen(matrix / matrix.norm());
  const auto vectors = eigen.eigenvectors().rightCols(rank);
  const auto powers = eigen.eigenvalues().tail(rank).array().pow(Long{t}).matrix();
  return vectors * powers.asDiagonal() * vectors.transpose();
}

// Whether two matrices are equal to the bit.
template <typename M>
bool SameBits(const M& a, const M& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         std::memcmp(a.data(), b.data(),
                     sizeof(typename M::Scalar) * static_cast<size_t>(a.size())) == 0;
}

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_GEOMETRY_REFERENCE_H_
