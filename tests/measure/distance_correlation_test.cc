#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::NaiveDistances;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class DistanceCorrelationTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(DistanceCorrelationTest, ItIsTheCosineOfCenteredDistances) {
  const Matrix x = RandomActivations(70, 5, 1);
  const Matrix y = RandomRelated(x, 8, 0.5, 2);
  const double squared = testing::NaivePowerCosine(NaiveDistances(x), NaiveDistances(y), 1);
  EXPECT_NEAR(Compare("distcorr-form=squared", x, y).value, squared, 1024.0 * kEps);
  EXPECT_NEAR(Compare("distcorr", x, y).value, std::sqrt(squared), 1024.0 * kEps);
}

TEST_F(DistanceCorrelationTest, DistancesMayHaveAnExponent) {
  const Matrix x = RandomActivations(70, 5, 1);
  const Matrix y = RandomRelated(x, 8, 0.5, 2);
  for (const double exponent : {0.01, 0.5, 1.5, 1.99}) {
    const double squared =
        testing::NaivePowerCosine(NaiveDistances(x).array().pow(exponent).matrix(),
                                  NaiveDistances(y).array().pow(exponent).matrix(), 1);
    const std::string name = absl::StrCat("distcorr-form=squared-exponent=", exponent);
    for (const Form form : {Form::kSampleSpace, Form::kSpectral}) {
      EXPECT_NEAR(Compare(name, x, y, form).value, squared, 4096.0 * kEps) << name;
    }
  }
}

TEST_F(DistanceCorrelationTest, WhitenedLayersAreBlindToAffineMaps) {
  const Matrix x = RandomActivations(70, 5, 1);
  const Matrix y = RandomRelated(x, 8, 0.5, 2);
  // The definition, for layers of full rank: x times the inverse root of its covariance. Inverting
  // costs the condition of the covariance.
  double condition = 1.0;
  const auto whiten = [&condition](const Matrix& values) -> Matrix {
    const Matrix centered = values.rowwise() - values.colwise().mean();
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(centered.transpose() * centered);
    condition = std::max(condition, eigen.eigenvalues().maxCoeff() / eigen.eigenvalues()[0]);
    return centered * eigen.operatorInverseSqrt();
  };
  const double squared =
      testing::NaivePowerCosine(NaiveDistances(whiten(x)), NaiveDistances(whiten(y)), 1);
  const double tolerance = 64.0 * condition * kEps;
  EXPECT_NEAR(Compare("distcorr-form=squared-whitening=full", x, y).value, squared, tolerance);
  const Matrix map = RandomNormal(5, 5, 4) + 3.0 * Matrix::Identity(5, 5);
  const Matrix moved = (x * map).rowwise() + RandomNormal(1, 5, 5).row(0);
  EXPECT_NEAR(Compare("distcorr-whitening=full", moved, y).value, std::sqrt(squared), tolerance);
  EXPECT_EQ(Compare("distcorr-whitening=full", x, Matrix::Ones(70, 3)).status,
            ScoreStatus::kConstant);
  EXPECT_EQ(Compare("distcorr-form=unbiased-whitening=full", x.topRows(3), y.topRows(3)).status,
            ScoreStatus::kTooFewInputs);
}

// A feature that is always 0, or twice the same one, is no direction.
TEST_F(DistanceCorrelationTest, WhiteningKnowsTheRank) {
  const Matrix x = RandomActivations(50, 4, 7);
  const Matrix y = RandomRelated(x, 6, 0.5, 8);
  Matrix repeated(50, 6);
  repeated << x, x.leftCols(1), Matrix::Zero(50, 1);
  // Both have the same span, up to the rounding of 50 inputs.
  EXPECT_NEAR(Compare("distcorr-whitening=full", repeated, y).value,
              Compare("distcorr-whitening=full", x, y).value, 64.0 * 50.0 * kEps);
}

// With n - 1 directions of the same weight every two inputs are equally far apart.
TEST_F(DistanceCorrelationTest, WhitenedLayersOfFullRankAreConstant) {
  const Matrix x = RandomActivations(12, 40, 9);
  const Matrix y = RandomActivations(12, 3, 10);
  for (const char* name : {"distcorr-whitening=full", "distcorr-form=squared-whitening=full",
                           "distcorr-form=unbiased-whitening=full"}) {
    EXPECT_EQ(Compare(name, x, y).status, ScoreStatus::kConstant) << name;
    EXPECT_EQ(Compare(name, y, x.leftCols(11)).status, ScoreStatus::kConstant) << name;
    EXPECT_EQ(Compare(name, y, x.leftCols(10)).status, ScoreStatus::kOk) << name;
  }
}

TEST_F(DistanceCorrelationTest, TheUnbiasedFormMayBeNegative) {
  bool seen_negative = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Matrix x = RandomNormal(12, 3, seed);
    const Matrix y = RandomNormal(12, 3, seed + 100);
    const Matrix k = NaiveDistances(x);
    const Matrix l = NaiveDistances(y);
    const double expected =
        testing::NaiveSong(k, l) / std::sqrt(testing::NaiveSong(k, k) * testing::NaiveSong(l, l));
    const double value = Compare("distcorr-form=unbiased", x, y).value;
    EXPECT_NEAR(value, expected, 4096.0 * kEps);
    seen_negative = seen_negative || value < 0.0;
  }
  EXPECT_TRUE(seen_negative);
}

TEST_F(DistanceCorrelationTest, EuclideanMotionsAndScalesGiveOne) {
  const Matrix x = RandomActivations(40, 6, 3);
  const Matrix moved =
      (-3.0 * x * testing::RandomOrthogonal(6, 4)).rowwise() + RandomNormal(1, 6, 5).row(0);
  EXPECT_NEAR(Compare("distcorr", x, moved).value, 1.0, 1024.0 * kEps);
}

TEST_F(DistanceCorrelationTest, ANegativeProductHasNoRoot) {
  // Two one-feature layers with opposite second layers: the plain products have opposite signs.
  const Matrix x = RandomNormal(30, 2, 6);
  const Matrix first = x.leftCols(1);
  bool seen_undefined = false;
  for (uint64_t seed = 0; seed < 40 && !seen_undefined; ++seed) {
    const Score score = testing::CompareNetworks("distcorr", {first, RandomNormal(30, 1, seed)},
                                                 {first, RandomNormal(30, 1, seed + 50)},
                                                 Fusion{FusionOrder::kProduct, 1.0});
    const Score squared = testing::CompareNetworks(
        "distcorr-form=squared", {first, RandomNormal(30, 1, seed)},
        {first, RandomNormal(30, 1, seed + 50)}, Fusion{FusionOrder::kProduct, 1.0});
    ASSERT_EQ(squared.status, ScoreStatus::kOk);
    if (squared.value < 0.0) {
      EXPECT_EQ(score.status, ScoreStatus::kUndefinedRoot);
      seen_undefined = true;
    } else {
      EXPECT_NEAR(score.value, std::sqrt(squared.value), 4.0 * kEps);
    }
  }
  EXPECT_TRUE(seen_undefined);
}

}  // namespace
}  // namespace gramian
