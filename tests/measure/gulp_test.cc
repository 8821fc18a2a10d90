// GULP against covariances and their inverses, and its limits.
#include <Eigen/Cholesky>
#include <cmath>
#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive.h"
#include "tests/measure/naive_shape.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::Dense;
using testing::NaiveCenter;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;

constexpr double kTolerance = 4096.0 * std::numeric_limits<double>::epsilon();

// tr (S_x^-1 C_x)^2 + tr (S_y^-1 C_y)^2 - 2 tr S_x^-1 C_xy S_y^-1 C_yx with S = C + ridge, C of
// unit trace.
double NaiveGulp(const Matrix& x, const Matrix& y, double ridge) {
  const Dense a = NaiveCenter(x) / NaiveCenter(x).norm();
  const Dense b = NaiveCenter(y) / NaiveCenter(y).norm();
  const auto solve = [ridge](const Dense& c, const Dense& right) -> Dense {
    return (c + ridge * Dense::Identity(c.rows(), c.cols())).ldlt().solve(right);
  };
  const Dense cx = a.transpose() * a;
  const Dense cy = b.transpose() * b;
  const Dense cxy = a.transpose() * b;
  const Dense px = solve(cx, cx);
  const Dense py = solve(cy, cy);
  return (px * px).trace() + (py * py).trace() -
         2.0 * (solve(cx, cxy) * solve(cy, cxy.transpose())).trace();
}

class GulpTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  static double Value(const std::string& name, const Matrix& x, const Matrix& y) {
    const Score score = Compare(name, x, y);
    EXPECT_EQ(score.status, ScoreStatus::kOk);
    return score.value;
  }

  const Matrix x_ = RandomActivations(70, 8, 1);
  const Matrix y_ = RandomRelated(x_, 5, 0.5, 2);
};

TEST_F(GulpTest, MeetsInversesOfCovariances) {
  for (const char* ridge : {"0.001", "0.1", "1", "50"}) {
    const double squared = NaiveGulp(x_, y_, std::stod(ridge));
    EXPECT_NEAR(Value(std::string("gulp-form=squared-ridge=") + ridge, x_, y_), squared,
                64.0 * kTolerance);
    EXPECT_NEAR(Value(std::string("gulp-ridge=") + ridge, x_, y_), std::sqrt(squared),
                64.0 * kTolerance / std::sqrt(squared));
  }
}

TEST_F(GulpTest, WithoutRidgeItCountsCanonicalCorrelations) {
  Matrix with_dead = Matrix::Zero(70, 11);
  with_dead.leftCols(5) = y_;
  with_dead.col(7) = y_.col(1);
  const double expected =
      13.0 - 2.0 * testing::NaiveCorrelations(NaiveCenter(x_), NaiveCenter(y_)).squaredNorm();
  EXPECT_NEAR(Value("gulp-form=squared", x_, y_), expected, 16.0 * kTolerance);
  EXPECT_NEAR(Value("gulp-form=squared", x_, with_dead), expected, 16.0 * kTolerance);
}

TEST_F(GulpTest, MoreFeaturesThanInputsAreNoProblem) {
  const Matrix x = RandomNormal(20, 45, 3);
  const Matrix y = RandomNormal(20, 6, 4);
  EXPECT_NEAR(Value("gulp-ridge=0.01-form=squared", x, y), NaiveGulp(x, y, 0.01),
              64.0 * kTolerance);
  EXPECT_NEAR(Value("gulp-form=squared", x, y), 19.0 + 6.0 - 12.0, 64.0 * kTolerance);
}

// ridge^2 d^2 / 2 tends to the difference of unit-trace Gram matrices, which is read off n x n
// ones.
TEST_F(GulpTest, AHeavyRidgeLeavesTheGramDistance) {
  const KernelSpec linear;
  Dense k = testing::NaiveCentered(testing::NaiveRsm(x_, linear));
  Dense l = testing::NaiveCentered(testing::NaiveRsm(y_, linear));
  k /= k.trace();
  l /= l.trace();
  const double half = 0.5 * (k - l).squaredNorm();
  EXPECT_NEAR(Value("gram-distance-form=squared", x_, y_), half, kTolerance);
  EXPECT_NEAR(Value("gram-distance", x_, y_), std::sqrt(half), kTolerance);
  const double ridge = 1.0e8;
  EXPECT_NEAR(0.5 * ridge * ridge * Value("gulp-form=squared-ridge=1e8", x_, y_), half,
              16.0 * half / ridge);
}

TEST_F(GulpTest, UnrelatedDirectionsAreAsFarAsCanBe) {
  const Matrix basis = testing::NaiveBasis(NaiveCenter(RandomNormal(30, 2, 5)));
  EXPECT_NEAR(Value("gram-distance", basis.col(0), basis.col(1)), 1.0, kTolerance);
  EXPECT_NEAR(Value("gulp", basis.col(0), basis.col(1)), std::sqrt(2.0), kTolerance);
}

}  // namespace
}  // namespace gramian
