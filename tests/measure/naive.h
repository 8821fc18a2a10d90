// Plain n x n references of the measures: slow, literal, in double.
#ifndef GRAMIAN_TESTS_MEASURE_NAIVE_H_
#define GRAMIAN_TESTS_MEASURE_NAIVE_H_

#include <algorithm>
#include <cmath>
#include <vector>

#include "gramian/base/matrix.h"
#include "gramian/geometry/kernel.h"

namespace gramian::testing {

// |x_i - x_j| from differences.
inline Matrix NaiveDistances(const Matrix& x) {
  Matrix d(x.rows(), x.rows());
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index j = 0; j < x.rows(); ++j) d(i, j) = (x.row(i) - x.row(j)).norm();
  }
  return d;
}

inline double NaiveBandwidth(const Matrix& x, const KernelSpec& kernel) {
  if (kernel.rule == BandwidthRule::kFixed) return kernel.factor;
  const Matrix d = NaiveDistances(x);
  std::vector<double> values;
  for (Index i = 0; i < d.rows(); ++i) {
    for (Index j = 0; j < d.cols(); ++j) {
      if (kernel.rule == BandwidthRule::kKornblith || i < j) values.push_back(d(i, j) * d(i, j));
    }
  }
  std::sort(values.begin(), values.end());
  const size_t size = values.size();
  const double lower = values[(size - 1) / 2];
  if (kernel.rule == BandwidthRule::kLowerMedian) return kernel.factor * std::sqrt(lower);
  return kernel.factor * std::sqrt(0.5 * (lower + values[size / 2]));
}

inline Matrix NaiveRsm(const Matrix& x, const KernelSpec& kernel) {
  switch (kernel.kind) {
    case KernelKind::kLinear:
      return x * x.transpose();
    case KernelKind::kCosine: {
      const Matrix unit = x.rowwise().normalized();
      return unit * unit.transpose();
    }
    case KernelKind::kRbf: {
      const double sigma = NaiveBandwidth(x, kernel);
      return (-0.5 * (NaiveDistances(x) / sigma).array().square()).exp().matrix();
    }
    case KernelKind::kLaplacian:
      return (-NaiveDistances(x).array() / NaiveBandwidth(x, kernel)).exp().matrix();
    case KernelKind::kDistance:
      return -NaiveDistances(x);
  }
  return Matrix();
}

inline Matrix NaiveCentered(const Matrix& k) {
  const Index n = k.rows();
  const Matrix h = Matrix::Identity(n, n) - Matrix::Constant(n, n, 1.0 / static_cast<double>(n));
  return h * k * h;
}

// HSIC_1 of Song et al. times n (n - 3), literally.
inline double NaiveSong(const Matrix& k_full, const Matrix& l_full) {
  Matrix k = k_full;
  Matrix l = l_full;
  const auto n = static_cast<double>(k.rows());
  k.diagonal().setZero();
  l.diagonal().setZero();
  return (k * l).trace() + k.sum() * l.sum() / ((n - 1.0) * (n - 2.0)) -
         2.0 / (n - 2.0) * (k * l).sum();
}

inline double NaiveGretton(const Matrix& k, const Matrix& l) {
  return NaiveCentered(k).cwiseProduct(NaiveCentered(l)).sum();
}

// Frobenius cosine of the t-th powers of centred RSMs, powers by repeated products of the matrix
// scaled by its norm.
inline double NaivePowerCosine(const Matrix& k, const Matrix& l, int t) {
  const auto power = [t](const Matrix& rsm) {
    Matrix base = NaiveCentered(rsm);
    base /= base.norm();
    Matrix result = base;
    for (int i = 1; i < t; ++i) {
      result = result * base;
      result /= result.norm();
    }
    return result;
  };
  return power(k).cwiseProduct(power(l)).sum();
}

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_MEASURE_NAIVE_H_
