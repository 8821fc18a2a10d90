#include <cmath>
#include <limits>
#include <memory>

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
