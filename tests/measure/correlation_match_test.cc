// Matching by correlation against all permutations, and layers whose best match is known.
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

constexpr double kTolerance = 1024.0 * std::numeric_limits<double>::epsilon();

Dense NaivePearson(const Matrix& x, const Matrix& y) {
  return NaiveCenter(x).colwise().normalized().transpose() * NaiveCenter(y).colwise().normalized();
}

class CorrelationMatchTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(CorrelationMatchTest, MeetsTheBestOfAllAssignments) {
  const Matrix x = RandomActivations(40, 5, 1);
  const Matrix y = RandomRelated(x, 7, 0.4, 2);
  const Dense r = NaivePearson(x, y);
  EXPECT_NEAR(Compare("correlation-match", x, y).value, testing::NaiveAssignment(r) / 5.0,
              kTolerance);
  EXPECT_NEAR(Compare("correlation-match", y, x).value, testing::NaiveAssignment(r) / 5.0,
              kTolerance);
  EXPECT_NEAR(Compare("correlation-match-form=soft", x, y).value,
              0.5 * (r.rowwise().maxCoeff().mean() + r.colwise().maxCoeff().mean()), kTolerance);
}

TEST_F(CorrelationMatchTest, ReorderedAndStretchedFeaturesMatchPerfectly) {
  const Matrix x = RandomNormal(30, 6, 3);
  const Vector stretch = RandomNormal(6, 1, 4).cwiseAbs().col(0);
  const Matrix y =
      (x.rowwise().reverse() * stretch.asDiagonal()).rowwise() + RandomNormal(1, 6, 5).row(0);
  EXPECT_NEAR(Compare("correlation-match", x, y).value, 1.0, kTolerance);
  EXPECT_NEAR(Compare("correlation-match-form=soft", x, y).value, 1.0, kTolerance);
}

TEST_F(CorrelationMatchTest, MirroredFeaturesMatchAsBadlyAsCanBe) {
  const Matrix x = testing::NaiveBasis(NaiveCenter(RandomNormal(30, 1, 6)));
  EXPECT_NEAR(Compare("correlation-match", x, -x).value, -1.0, kTolerance);
  EXPECT_NEAR(Compare("correlation-match-form=soft", x, -x).value, -1.0, kTolerance);
}

// Two features match, one of the other side is dead: 2 / 2 over live ones, 2 / 3 over all.
TEST_F(CorrelationMatchTest, DeadFeaturesCountOnlyIfTheNameSaysSo) {
  const Matrix basis = testing::NaiveBasis(NaiveCenter(RandomNormal(30, 2, 7)));
  Matrix x(30, 3);
  x << basis, Matrix::Constant(30, 1, 5.0);
  Matrix y(30, 3);
  y << basis.col(1), Matrix::Zero(30, 1), basis.col(0);
  EXPECT_NEAR(Compare("correlation-match", x, y).value, 1.0, kTolerance);
  EXPECT_NEAR(Compare("correlation-match-over=width", x, y).value, 2.0 / 3.0, kTolerance);
  EXPECT_NEAR(Compare("correlation-match-form=soft-over=width", x, y).value, 2.0 / 3.0, kTolerance);
}

}  // namespace
}  // namespace gramian
