#include "tests/testing/random.h"

#include <Eigen/QR>
#include <cmath>
#include <random>

namespace gramian::testing {

Matrix RandomNormal(Index rows, Index cols, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Matrix matrix(rows, cols);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = normal(random);
  return matrix;
}

Matrix RandomOrthogonal(Index d, uint64_t seed) {
  const Eigen::MatrixXd square = RandomNormal(d, d, seed);
  return Eigen::HouseholderQR<Eigen::MatrixXd>(square).householderQ() *
         Eigen::MatrixXd::Identity(d, d);
}

Matrix RandomActivations(Index rows, Index cols, uint64_t seed) {
  Matrix matrix = RandomNormal(rows, cols, seed);
  for (Index j = 0; j < cols; ++j) matrix.col(j) *= std::pow(static_cast<double>(j + 1), -0.7);
  matrix = matrix * RandomOrthogonal(cols, seed + 1);
  matrix.rowwise() += 2.0 * RandomNormal(1, cols, seed + 2).row(0);
  return matrix;
}

Matrix RandomRelated(const Matrix& x, Index cols, double share, uint64_t seed) {
  return share * (x * RandomNormal(x.cols(), cols, seed)) +
         (1.0 - share) * RandomActivations(x.rows(), cols, seed + 1);
}

std::shared_ptr<const Representation> AsFloat32(const Matrix& matrix) {
  return Representation::FromMatrix(MatrixF(matrix.cast<float>())).value();
}

std::shared_ptr<const Representation> AsFloat64(const Matrix& matrix) {
  return Representation::FromMatrix(matrix).value();
}

}  // namespace gramian::testing
