// Layers given by a formula, for values computed elsewhere.
#ifndef GRAMIAN_TESTS_MEASURE_WAVES_H_
#define GRAMIAN_TESTS_MEASURE_WAVES_H_

#include <cmath>
#include <cstdint>

#include "gramian/base/matrix.h"
#include "tests/testing/random.h"

namespace gramian::testing {

// n x 6, x_ij = sin(1 + 0.37 i (j + 1)) + cos(0.11 i (j + 2)) / 2.
inline Matrix WaveActivations(Index n) {
  Matrix x(n, 6);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < 6; ++j) {
      const auto row = static_cast<double>(i);
      const auto col = static_cast<double>(j);
      x(i, j) = std::sin(1.0 + 0.37 * row * (col + 1.0)) + 0.5 * std::cos(0.11 * row * (col + 2.0));
    }
  }
  return x;
}

// A second layer over the same inputs: y_ij = sin(x_ij + x_i(j + 1)), columns in a circle.
inline Matrix WaveRelated(const Matrix& x) {
  Matrix y(x.rows(), x.cols());
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index j = 0; j < x.cols(); ++j) {
      y(i, j) = std::sin(x(i, j) + x(i, (j + 1) % x.cols()));
    }
  }
  return y;
}

// n points of a surface of four dimensions, unevenly dense, in d features.
inline Matrix SurfaceActivations(Index n, Index d, uint64_t seed) {
  const Matrix centers = RandomNormal(12, 4, seed);
  Matrix z = 0.6 * RandomNormal(n, 4, seed + 1);
  for (Index i = 0; i < n; ++i) z.row(i) += centers.row(i * 7 % 12);
  const Matrix phases = 3.0 * RandomNormal(1, d, seed + 2);
  const Matrix angles = 0.9 * z * RandomNormal(4, d, seed + 3) + Matrix(phases.replicate(n, 1));
  return angles.array().cos();
}

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_MEASURE_WAVES_H_
