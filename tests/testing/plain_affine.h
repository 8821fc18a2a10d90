// Positive definite matrices with the affine-invariant metric, written plainly: roots, logarithms
// and powers of whole matrices. Slow, literal, in double.
#ifndef GRAMIAN_TESTS_TESTING_PLAIN_AFFINE_H_
#define GRAMIAN_TESTS_TESTING_PLAIN_AFFINE_H_

#include <Eigen/Eigenvalues>
#include <cmath>

#include "gramian/base/matrix.h"
#include "gramian/geometry/kernel.h"
#include "tests/measure/naive.h"

namespace gramian::testing {

// With the names of PlainSpace.
struct PlainAffineSpace {
  bool of_covariance = false;
  KernelSpec kernel;  // of a Gram matrix
  double ridge = 0.1;
  Index order = 0;  // of a covariance: features, the narrower layers padded with zeros

  // The point of a representation.
  Matrix Point(const Matrix& x) const {
    const Matrix centered = x.rowwise() - x.colwise().mean();
    Matrix point;
    if (of_covariance) {
      point = Matrix::Zero(order, order);
      point.topLeftCorner(x.cols(), x.cols()) =
          centered.transpose() * centered / static_cast<double>(x.rows() - 1);
    } else {
      point = NaiveRsm(centered, kernel);
    }
    return point + ridge * Matrix::Identity(point.rows(), point.cols());
  }

  // f of the eigenvalues of a symmetric matrix.
  template <typename Function>
  static Matrix Apply(const Matrix& symmetric, const Function& f) {
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(0.5 * (symmetric + symmetric.transpose()));
    return eigen.eigenvectors() * eigen.eigenvalues().unaryExpr(f).asDiagonal() *
           eigen.eigenvectors().transpose();
  }
  static Matrix Power(const Matrix& a, double power) {
    return Apply(a, [power](double value) { return std::pow(value, power); });
  }
  static Matrix Whitened(const Matrix& a, const Matrix& b) {
    const Matrix root = Power(a, -0.5);
    return root * b * root;
  }

  // The norm of the tangent v at a.
  double Length(const Matrix& a, const Matrix& v) const { return Whitened(a, v).norm(); }
  double Distance(const Matrix& a, const Matrix& b) const { return Length(a, Log(a, b)); }
  Matrix Geodesic(const Matrix& a, const Matrix& b, double s) const {
    const Matrix root = Power(a, 0.5);
    return root * Power(Whitened(a, b), s) * root;
  }
  Matrix Log(const Matrix& a, const Matrix& b) const {
    const Matrix root = Power(a, 0.5);
    return root * Apply(Whitened(a, b), [](double value) { return std::log(value); }) * root;
  }
  Matrix Exp(const Matrix& a, const Matrix& v) const {
    const Matrix root = Power(a, 0.5);
    return root * Apply(Whitened(a, v), [](double value) { return std::exp(value); }) * root;
  }
  // At b: tr(b^-1 v b^-1 w) of the two logarithms.
  double Angle(const Matrix& a, const Matrix& b, const Matrix& c) const {
    const Matrix v = Whitened(b, Log(b, a));
    const Matrix w = Whitened(b, Log(b, c));
    return std::acos(v.cwiseProduct(w).sum() / (v.norm() * w.norm()));
  }
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_PLAIN_AFFINE_H_
