#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive.h"
#include "tests/testing/gudhi_loops.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::GudhiCrossLoops;
using testing::NaiveDistances;
using testing::RandomActivations;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class RepresentationTopologyTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  // The definition, with 0.9 (n^2 - 1) a whole number as for n = 11 and 21.
  static Matrix Scaled(const Matrix& x) {
    const Matrix distances = NaiveDistances(x);
    std::vector<double> sorted(distances.data(), distances.data() + distances.size());
    std::sort(sorted.begin(), sorted.end());
    return distances / sorted[(sorted.size() - 1) / 10 * 9];
  }
  static double Naive(const Matrix& x, const Matrix& y) {
    double sum = 0.0;
    const Matrix from = Scaled(x);
    const Matrix to = Scaled(y);
    for (const auto& [birth, death] : GudhiCrossLoops(from, to)) sum += death - birth;
    for (const auto& [birth, death] : GudhiCrossLoops(to, from)) sum += death - birth;
    return 0.5 * sum;
  }
};

TEST_F(RepresentationTopologyTest, ScoresAreThoseOfTheDefinition) {
  for (const Index n : {11, 21, 31}) {
    const Matrix x = RandomActivations(n, 4, static_cast<uint64_t>(n));
    const Matrix y = RandomRelated(x, 6, 0.5, 2);
    EXPECT_NEAR(Compare("rtd", x, y).value, Naive(x, y), 1024.0 * kEps * static_cast<double>(n));
  }
}

TEST_F(RepresentationTopologyTest, BlocksAreTheFirstInputsInOrder) {
  const Matrix x = RandomActivations(40, 4, 3);
  const Matrix y = RandomRelated(x, 6, 0.5, 4);
  const double first = Naive(x.topRows(11), y.topRows(11));
  const double second = Naive(x.middleRows(11, 11), y.middleRows(11, 11));
  const double third = Naive(x.middleRows(22, 11), y.middleRows(22, 11));
  EXPECT_NEAR(Compare("rtd-pick=blocks-rows=11-trials=1", x, y).value, first, 16384.0 * kEps);
  EXPECT_NEAR(Compare("rtd-pick=blocks-rows=11-trials=2", x, y).value, 0.5 * (first + second),
              16384.0 * kEps);
  // A fourth block does not fit.
  EXPECT_NEAR(Compare("rtd-pick=blocks-rows=11-trials=9", x, y).value,
              (first + second + third) / 3.0, 16384.0 * kEps);
}

TEST_F(RepresentationTopologyTest, ASeedFixesTheSubsets) {
  const Matrix x = RandomActivations(60, 4, 5);
  const Matrix y = RandomRelated(x, 6, 0.5, 6);
  std::set<double> values;
  for (const char* seed : {"0", "1", "2"}) {
    const std::string name = std::string("rtd-rows=20-trials=1-seed=") + seed;
    const double value = Compare(name, x, y).value;
    EXPECT_EQ(value, Compare(name, x, y).value);
    values.insert(value);
  }
  EXPECT_EQ(values.size(), 3U);
  // All inputs leave nothing to draw.
  EXPECT_EQ(Compare("rtd-rows=60-seed=1", x, y).value, Compare("rtd-rows=500-seed=2", x, y).value);
}

TEST_F(RepresentationTopologyTest, MostInputsAlikeLeaveNoUnit) {
  Matrix x = Matrix::Zero(30, 3);
  x(7, 1) = 1.0;
  EXPECT_EQ(Compare("rtd", x, RandomActivations(30, 4, 7)).status, ScoreStatus::kZeroBandwidth);
}

}  // namespace
}  // namespace gramian
