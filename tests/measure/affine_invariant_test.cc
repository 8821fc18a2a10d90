#include <cmath>
#include <limits>

#include "gramian/base/blas.h"
#include "gramian/measure/measure_registry.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::RandomActivations;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr Index kRows = 24;

// Multiples of one matrix lie on a line: the distance is that of their one eigenvalue.
TEST(AffineInvariantTest, MultiplesLieOnALine) {
  ASSERT_TRUE(InitializeBlas().ok());
  // Two groups of inputs, answered by opposite values: x x' has one eigenvalue, n.
  Matrix x = Matrix::Ones(8, 1);
  x.bottomRows(4) *= -1.0;
  const Score score = Compare("airm-ridge=0.5", x, 2.0 * x);
  ASSERT_EQ(score.status, ScoreStatus::kOk);
  EXPECT_NEAR(score.value, std::log(32.5 / 8.5), 64.0 * kEps);
  // The direction of the other layer is the ridge here.
  Matrix y = x;
  y(0, 0) = y(1, 0) = y(4, 0) = y(5, 0) = -1.0;
  y(2, 0) = y(3, 0) = y(6, 0) = y(7, 0) = 1.0;
  EXPECT_NEAR(Compare("airm-ridge=0.5", x, y).value, std::sqrt(2.0) * std::log(8.5 / 0.5),
              256.0 * kEps);
}

TEST(AffineInvariantTest, ARidgeThatRoundingLosesIsAStatus) {
  ASSERT_TRUE(InitializeBlas().ok());
  const Matrix x = RandomActivations(kRows, 4, 1);
  for (const char* measure : {"airm", "airm-of=covariance"}) {
    EXPECT_EQ(Compare(measure, x, 1.0e4 * x).status, ScoreStatus::kOk);
    for (const double factor : {1.0e8, 1.0e30}) {
      EXPECT_EQ(Compare(measure, x, factor * x).status, ScoreStatus::kRankDeficient);
      EXPECT_EQ(Compare(measure, factor * x, x).status, ScoreStatus::kRankDeficient);
    }
  }
}

TEST(AffineInvariantTest, ARidgeIsPositiveAndKernelsAreThoseOfStress) {
  const auto refused = [](const char* name) {
    return absl::IsInvalidArgument(MeasureRegistry::Parse(name).status());
  };
  EXPECT_TRUE(refused("airm-ridge=0"));
  EXPECT_TRUE(refused("airm-ridge=-1"));
  EXPECT_TRUE(refused("airm-kernel=cosine"));
  EXPECT_TRUE(refused("airm-of=features"));
  EXPECT_TRUE(refused("airm-of=covariance-kernel=rbf"));
  EXPECT_EQ(MeasureRegistry::Parse("airm").value()->name(), "airm-of=gram-kernel=linear-ridge=0.1");
}

}  // namespace
}  // namespace gramian
