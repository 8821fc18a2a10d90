// R^2 of regression against least squares by a complete orthogonal decomposition.
#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive_shape.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::NaiveCenter;
using testing::NaiveRegression;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;

constexpr double kTolerance = 4096.0 * std::numeric_limits<double>::epsilon();

TEST(LinearRegressionTest, MeetsLeastSquaresInBothDirections) {
  ASSERT_TRUE(InitializeBlas().ok());
  const Matrix x = RandomActivations(70, 9, 1);
  Matrix y = RandomRelated(x, 12, 0.5, 2);
  y.col(4).setConstant(-1.5);  // a dead unit
  y.col(5) = y.col(6);         // and a dependent one
  EXPECT_NEAR(Compare("linear-regression-target=first", x, y).value,
              NaiveRegression(NaiveCenter(x), NaiveCenter(y)), kTolerance);
  EXPECT_NEAR(Compare("linear-regression-target=second", x, y).value,
              NaiveRegression(NaiveCenter(y), NaiveCenter(x)), kTolerance);
}

TEST(LinearRegressionTest, ALinearMapIsExplainedCompletelyAndOneWay) {
  ASSERT_TRUE(InitializeBlas().ok());
  const Matrix x = RandomNormal(50, 8, 3);
  const Matrix y = x * RandomNormal(8, 3, 4);
  EXPECT_NEAR(Compare("linear-regression-target=second", x, y).value, 1.0, kTolerance);
  EXPECT_LT(Compare("linear-regression-target=first", x, y).value, 0.9);
}

TEST(LinearRegressionTest, ADesignThatSpansAllInputsExplainsEverything) {
  ASSERT_TRUE(InitializeBlas().ok());
  const Matrix x = RandomNormal(20, 3, 5);
  EXPECT_NEAR(Compare("linear-regression-target=first", x, RandomNormal(20, 40, 6)).value, 1.0,
              kTolerance);
}

}  // namespace
}  // namespace gramian
