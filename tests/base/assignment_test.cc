#include "gramian/base/assignment.h"

#include <limits>
#include <set>

#include "gtest/gtest.h"
#include "tests/measure/naive_shape.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::RandomNormal;

constexpr double kEps = std::numeric_limits<double>::epsilon();

std::vector<Index> Assign(const Matrix& gains) {
  return MaximizeAssignment(ComputeContext(), gains).value();
}

// Every row and column at most once, min(m, n) pairs.
void ExpectOneToOne(const Matrix& gains, const std::vector<Index>& columns) {
  ASSERT_EQ(static_cast<Index>(columns.size()), gains.rows());
  std::set<Index> used;
  for (const Index column : columns) {
    if (column < 0) continue;
    EXPECT_LT(column, gains.cols());
    EXPECT_TRUE(used.insert(column).second) << column;
  }
  EXPECT_EQ(static_cast<Index>(used.size()), std::min(gains.rows(), gains.cols()));
}

TEST(AssignmentTest, IsTheBestOfAllSmallOnes) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto rows = static_cast<Index>(1 + seed % 6);
    const auto cols = static_cast<Index>(1 + (seed / 3) % 6);
    const Matrix gains = RandomNormal(rows, cols, seed);
    const std::vector<Index> columns = Assign(gains);
    ExpectOneToOne(gains, columns);
    const double best = rows <= cols ? testing::NaiveAssignment(gains)
                                     : testing::NaiveAssignment(gains.transpose());
    EXPECT_NEAR(AssignedGain(gains, columns), best, 16.0 * kEps * gains.cwiseAbs().sum()) << seed;
  }
}

TEST(AssignmentTest, FindsAHiddenPermutation) {
  constexpr Index kOrder = 150;
  Matrix gains = RandomNormal(kOrder, kOrder, 1);
  std::vector<Index> hidden(kOrder);
  for (Index i = 0; i < kOrder; ++i) {
    hidden[static_cast<size_t>(i)] = (i * 7 + 3) % kOrder;
    gains(i, hidden[static_cast<size_t>(i)]) += 20.0;
  }
  EXPECT_EQ(Assign(gains), hidden);
}

// Dual prices prove a large assignment optimal: gain(i, j) <= u_i + v_j with equality on pairs.
// Here the gains are made from prices.
TEST(AssignmentTest, MeetsTheDualBoundWhereManyAreEquallyGood) {
  constexpr Index kOrder = 60;
  const Vector u = RandomNormal(kOrder, 1, 2).col(0);
  const Vector v = RandomNormal(kOrder, 1, 3).col(0);
  const Matrix gains = u.replicate(1, kOrder) + v.transpose().replicate(kOrder, 1);
  const std::vector<Index> columns = Assign(gains);
  ExpectOneToOne(gains, columns);
  EXPECT_NEAR(AssignedGain(gains, columns), u.sum() + v.sum(), 64.0 * kOrder * kEps);
}

TEST(AssignmentTest, TiesAreBrokenTheSameWayEveryTime) {
  const Matrix gains = Matrix::Zero(20, 30);
  const std::vector<Index> columns = Assign(gains);
  ExpectOneToOne(gains, columns);
  EXPECT_EQ(Assign(gains), columns);
}

TEST(AssignmentTest, EveryRowOfANarrowMatrixCompetesForItsColumn) {
  Matrix gains(4, 1);
  gains << -3.0, 2.0, 1.0, -1.0;
  EXPECT_EQ(Assign(gains), (std::vector<Index>{-1, 0, -1, -1}));
  EXPECT_EQ(AssignedGain(gains, Assign(gains)), 2.0);
}

TEST(AssignmentTest, GainsOfExtremeScaleAreAssignedAlike) {
  const Matrix gains = RandomNormal(12, 9, 4);
  const std::vector<Index> columns = Assign(gains);
  for (const double scale : {1.0e-200, 1.0e200}) EXPECT_EQ(Assign(scale * gains), columns);
}

TEST(AssignmentTest, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  ComputeContext context;
  context.stop = source.get_token();
  EXPECT_TRUE(absl::IsCancelled(MaximizeAssignment(context, Matrix::Zero(3, 3)).status()));
}

TEST(AssignmentTest, ATransposedCopyThatDoesNotFitIsRefused) {
  ComputeContext context;
  context.scratch_limit_bytes = 100;
  EXPECT_TRUE(absl::IsResourceExhausted(MaximizeAssignment(context, Matrix::Zero(20, 3)).status()));
}

}  // namespace
}  // namespace gramian
