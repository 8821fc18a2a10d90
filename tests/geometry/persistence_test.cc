#include "gramian/geometry/persistence.h"

#include <algorithm>
#include <cmath>
#include <stop_token>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/gudhi_loops.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::GudhiCrossLoops;
using testing::RandomNormal;

Matrix DistancesOf(const Matrix& points) {
  Matrix distances(points.rows(), points.rows());
  for (Index i = 0; i < points.rows(); ++i) {
    for (Index j = 0; j < points.rows(); ++j) {
      distances(i, j) = (points.row(i) - points.row(j)).norm();
    }
  }
  return distances;
}

std::vector<std::pair<double, double>> Loops(const Matrix& from, const Matrix& to) {
  const std::vector<Bar> found = CrossLoops(ComputeContext(), from, to).value();
  std::vector<std::pair<double, double>> bars;
  for (const Bar& bar : found) {
    bars.emplace_back(bar.birth, bar.death);
  }
  std::sort(bars.begin(), bars.end());
  return bars;
}

// The reduction never sees the 2 n points that the definition speaks of: GUDHI does.
TEST(PersistenceTest, BarsAreThoseOfTheDefinition) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const auto n = static_cast<Index>(3 + 3 * seed);
    const Matrix x = DistancesOf(RandomNormal(n, 2 + seed % 3, seed));
    const Matrix y = DistancesOf(RandomNormal(n, 2, 100 + seed));
    EXPECT_EQ(Loops(x, y), GudhiCrossLoops(x, y)) << n;
  }
}

// Distances of a few values only, so that nearly everything happens at once.
TEST(PersistenceTest, EqualDistancesAreNoProblem) {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const auto rounded = [](const Matrix& distances) -> Matrix {
      return (2.0 * distances).array().round() / 2.0;
    };
    const Matrix x = rounded(DistancesOf(RandomNormal(25, 2, 20 + seed)));
    const Matrix y = rounded(DistancesOf(RandomNormal(25, 2, 40 + seed)));
    EXPECT_EQ(Loops(x, y), GudhiCrossLoops(x, y));
  }
}

// Any numbers are distances.
TEST(PersistenceTest, DistancesNeedNoTriangleInequality) {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const auto symmetric = [](Matrix values) -> Matrix {
      values = (values + values.transpose()).cwiseAbs().eval();
      values.diagonal().setZero();
      return values;
    };
    const Matrix x = symmetric(RandomNormal(20, 20, 60 + seed));
    const Matrix y = symmetric(RandomNormal(20, 20, 80 + seed));
    EXPECT_EQ(Loops(x, y), GudhiCrossLoops(x, y));
  }
}

// Four points far apart of which the other distances make a square: its loop is there from side 1
// until the diagonals fill it, and no distance of the first set does so before.
TEST(PersistenceTest, ASquareIsALoop) {
  const Matrix apart = 10.0 * (Matrix::Ones(4, 4) - Matrix::Identity(4, 4));
  Matrix corners(4, 2);
  corners << 0, 0, 0, 1, 1, 1, 1, 0;
  // Three edges of a spanning tree join what the first set keeps apart; the fourth closes the loop.
  EXPECT_THAT(Loops(apart, DistancesOf(corners)),
              ::testing::ElementsAre(std::pair(1.0, std::sqrt(2.0)), std::pair(1.0, 10.0),
                                     std::pair(1.0, 10.0), std::pair(1.0, 10.0)));
  EXPECT_TRUE(Loops(DistancesOf(corners), apart).empty());
}

TEST(PersistenceTest, EqualSetsAndSinglePointsHaveNoLoops) {
  const Matrix x = DistancesOf(RandomNormal(30, 3, 1));
  EXPECT_TRUE(Loops(x, x).empty());
  EXPECT_TRUE(Loops(Matrix::Zero(1, 1), Matrix::Zero(1, 1)).empty());
}

TEST(PersistenceTest, LimitsAndCancellationAreKept) {
  const Matrix x = DistancesOf(RandomNormal(30, 3, 2));
  const Matrix y = DistancesOf(RandomNormal(30, 3, 3));
  ComputeContext small;
  small.scratch_limit_bytes = 64 * 30 * 30 - 1;
  EXPECT_EQ(CrossLoops(small, x, y).status().code(), absl::StatusCode::kResourceExhausted);
  small.scratch_limit_bytes = 64 * 30 * 30;
  EXPECT_TRUE(CrossLoops(small, x, y).ok());
  std::stop_source source;
  source.request_stop();
  ComputeContext stopped;
  stopped.stop = source.get_token();
  EXPECT_EQ(CrossLoops(stopped, x, y).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace gramian
