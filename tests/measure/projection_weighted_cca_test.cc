// PWCCA against canonical variables written out, and google/svcca's recipe followed step by step.
#include <cmath>
#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive_shape.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::Dense;
using testing::NaiveCenter;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;

constexpr double kTolerance = 16384.0 * std::numeric_limits<double>::epsilon();

// Canonical variables of x towards y, weighted by |<h_i, x_j>|.
double NaivePwcca(const Dense& x, const Dense& y) {
  const Dense qx = testing::NaiveBasis(x);
  const Dense qy = testing::NaiveBasis(y);
  const Eigen::JacobiSVD<Dense> svd(qx.transpose() * qy, Eigen::ComputeThinU);
  const Dense h = qx * svd.matrixU();
  const Vector alpha = (h.transpose() * x).cwiseAbs().rowwise().sum();
  return alpha.dot(svd.singularValues()) / alpha.sum();
}

class PwccaTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  static double Value(const std::string& weights, const Matrix& x, const Matrix& y) {
    const Score score = Compare("pwcca-weights=" + weights, x, y);
    EXPECT_EQ(score.status, ScoreStatus::kOk);
    return score.value;
  }

  const Matrix x_ = RandomActivations(60, 5, 1);
  const Matrix y_ = RandomRelated(x_, 8, 0.5, 2);
};

TEST_F(PwccaTest, MeetsCanonicalVariables) {
  const double by_x = NaivePwcca(NaiveCenter(x_), NaiveCenter(y_));
  const double by_y = NaivePwcca(NaiveCenter(y_), NaiveCenter(x_));
  EXPECT_NEAR(Value("first", x_, y_), by_x, kTolerance);
  EXPECT_NEAR(Value("second", x_, y_), by_y, kTolerance);
  EXPECT_NEAR(Value("smaller", x_, y_), by_x, kTolerance);
  EXPECT_NEAR(Value("smaller", y_, x_), by_x, kTolerance);
}

TEST_F(PwccaTest, EqualRanksAreAveraged) {
  const Matrix y = y_.leftCols(5);
  EXPECT_NEAR(Value("smaller", x_, y),
              0.5 * (NaivePwcca(NaiveCenter(x_), NaiveCenter(y)) +
                     NaivePwcca(NaiveCenter(y), NaiveCenter(x_))),
              kTolerance);
}

TEST_F(PwccaTest, FactoredAndExplicitEigenvectorsAgree) {
  NoCache cache;
  const Operand a(testing::AsFloat64(x_), &cache);
  const Operand b(testing::AsFloat64(y_), &cache);
  EXPECT_NEAR(testing::TryCompare("pwcca", a, b, Form::kFeatureSpace)->value,
              testing::TryCompare("pwcca", a, b, Form::kSpectral)->value, 64.0 * kTolerance);
}

TEST_F(PwccaTest, IsOneOnceFeaturesSpanAllInputs) {
  EXPECT_EQ(Value("first", RandomNormal(15, 3, 3), RandomNormal(15, 20, 4)), 1.0);
}

// The library's steps: symmetric inverse roots, SVD, directions u'(x - mean) + mean, QR, |P' x|.
// Its signs are LAPACK's, so the reference tries all of them for two features.
TEST_F(PwccaTest, GoogleFollowsTheLibrary) {
  const Matrix x = RandomActivations(60, 2, 5);
  const Matrix y = RandomRelated(x, 3, 0.5, 6);
  const Dense a = NaiveCenter(x);
  const Dense b = NaiveCenter(y);
  const Dense ax = testing::NaiveRoot((a.transpose() * a).inverse());
  const Dense by = testing::NaiveRoot((b.transpose() * b).inverse());
  const Eigen::JacobiSVD<Dense> svd(ax * a.transpose() * b * by, Eigen::ComputeThinU);
  const double ours = Value("google", x, y);
  double nearest = 1.0;
  for (const double first : {-1.0, 1.0}) {
    for (const double second : {-1.0, 1.0}) {
      const Dense u = svd.matrixU() * Eigen::Vector2d(first, second).asDiagonal();
      Dense directions = a * u;
      directions.rowwise() += x.colwise().mean();
      const Dense p = Dense(directions.householderQr().householderQ()).leftCols(2);
      const Vector weights = (p.transpose() * x).cwiseAbs().rowwise().sum();
      nearest =
          std::min(nearest, std::abs(ours - weights.dot(svd.singularValues()) / weights.sum()));
    }
  }
  EXPECT_LE(nearest, kTolerance);
}

TEST_F(PwccaTest, GoogleSurvivesWhatTheLibraryDoesNot) {
  Matrix dead = Matrix::Zero(60, 9);
  dead.leftCols(5) = x_;
  const Score more = Compare("pwcca-weights=google", y_, x_);     // fewer features second
  const Score score = Compare("pwcca-weights=google", dead, y_);  // dead features
  Matrix dependent = y_;
  dependent.col(2) = dependent.col(1);
  const Score singular = Compare("pwcca-weights=google", x_, dependent);
  for (const Score& s : {more, score, singular}) {
    EXPECT_EQ(s.status, ScoreStatus::kOk);
    EXPECT_GT(s.value, 0.0);
    EXPECT_LE(s.value, 1.0);
  }
  EXPECT_NEAR(score.value, Value("google", x_, y_), kTolerance);
}

}  // namespace
}  // namespace gramian
