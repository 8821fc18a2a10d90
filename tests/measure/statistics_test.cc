// Statistics of layers: closed forms and literal sums.
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kBound = 1024.0 * kEps;

class StatisticsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  const Matrix x_ = RandomActivations(300, 6, 1);
  const Matrix y_ = RandomRelated(x_, 9, 0.5, 2);
};

TEST_F(StatisticsTest, MagnitudeIsTheNormOfTheMean) {
  EXPECT_NEAR(Compare("magnitude-difference", x_, y_).value,
              std::abs(x_.colwise().mean().norm() - y_.colwise().mean().norm()),
              kBound * x_.norm());
  EXPECT_EQ(Compare("magnitude-difference", Matrix::Constant(5, 4, 3.0), Matrix::Zero(5, 2)).value,
            6.0);
}

TEST_F(StatisticsTest, ConcentricityIsTheMeanCosineToTheMean) {
  const auto naive = [](const Matrix& x) {
    const Eigen::RowVectorXd mean = x.colwise().mean();
    double sum = 0.0;
    for (Index i = 0; i < x.rows(); ++i) {
      if (x.row(i).norm() > 0.0) sum += x.row(i).dot(mean) / (x.row(i).norm() * mean.norm());
    }
    return sum / static_cast<double>(x.rows());
  };
  Matrix with_zeros = x_;
  with_zeros.row(4).setZero();
  EXPECT_NEAR(Compare("concentricity-difference", with_zeros, y_).value,
              std::abs(naive(with_zeros) - naive(y_)), kBound);
  // All rows are the mean; the mean is zero; there is no row but zeros.
  const Matrix same = Matrix::Constant(6, 3, 0.1);
  Matrix opposite(6, 3);
  opposite << same.topRows(3), -same.topRows(3);
  EXPECT_NEAR(Compare("concentricity-difference", same, opposite).value, 1.0, kBound);
  EXPECT_NEAR(Compare("concentricity-difference", same, Matrix::Zero(6, 3)).value, 1.0, kBound);
}

TEST_F(StatisticsTest, UniformityIsTheLogMeanOverAllPairs) {
  const auto naive = [](const Matrix& x, double t) {
    return std::log((-t * testing::NaiveDistances(x).array().square()).exp().mean());
  };
  EXPECT_NEAR(
      Compare("uniformity-difference", x_, y_).value,
      std::abs(naive(x_.rowwise().normalized(), 2.0) - naive(y_.rowwise().normalized(), 2.0)),
      kBound);
  EXPECT_NEAR(Compare("uniformity-difference-rows=raw-t=0.02", x_, y_).value,
              std::abs(naive(x_, 0.02) - naive(y_, 0.02)), kBound);
  // Coinciding inputs: 0. Inputs far apart: only the diagonal is left, log(1/n).
  EXPECT_NEAR(Compare("uniformity-difference-rows=raw", Matrix::Constant(50, 2, 0.3),
                      1.0e3 * RandomNormal(50, 8, 3))
                  .value,
              std::log(50.0), kBound);
}

}  // namespace
}  // namespace gramian
