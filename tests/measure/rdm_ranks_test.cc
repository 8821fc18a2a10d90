#include "gramian/measure/rdm_ranks.h"

#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

class RdmRanksTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  static std::shared_ptr<const RdmRanks> RanksOf(const Matrix& x) {
    return RdmRanks::Compute({}, *testing::AsFloat64(x), Dissimilarity::kEuclidean).value();
  }
};

// Points 0, 1, 3, 6 of a line: distances 1 3 6 2 5 3.
TEST_F(RdmRanksTest, TiesShareTheMeanOfTheirRanks) {
  Matrix x(4, 1);
  x << 0, 1, 3, 6;
  const auto ranks = RanksOf(x);
  EXPECT_EQ(ranks->doubled(), (std::vector<uint32_t>{2, 7, 12, 4, 10, 7}));
  EXPECT_EQ(ranks->tied_pairs(), 1);
  EXPECT_FALSE(ranks->is_constant());
  // Squares of the ranks less their mean 3.5: 6.25 + 0 + 6.25 + 2.25 + 2.25 + 0.
  EXPECT_EQ(RankProduct({}, *ranks, *ranks).value(), 17.0);
  // 14 pairs of entries in the same order, one tied.
  EXPECT_EQ(ConcordanceOf({}, *ranks, *ranks).value(), 14);
}

// Points 0, 6, 3, 2: distances 6 3 2 3 4 1, against 1 3 6 2 5 3.
TEST_F(RdmRanksTest, ConcordanceCountsPairsInEqualLessThoseInOppositeOrder) {
  Matrix x(4, 1);
  x << 0, 1, 3, 6;
  Matrix y(4, 1);
  y << 0, 6, 3, 2;
  const double a[] = {1, 3, 6, 2, 5, 3};
  const double b[] = {6, 3, 2, 3, 4, 1};
  int64_t expected = 0;
  for (int i = 0; i < 6; ++i) {
    for (int j = i + 1; j < 6; ++j) {
      const double product = (a[i] - a[j]) * (b[i] - b[j]);
      expected += (product > 0.0) - (product < 0.0);
    }
  }
  EXPECT_EQ(ConcordanceOf({}, *RanksOf(x), *RanksOf(y)).value(), expected);
}

TEST_F(RdmRanksTest, EqualDissimilaritiesAreConstant) {
  EXPECT_TRUE(RanksOf(Matrix::Identity(9, 9))->is_constant());
  EXPECT_TRUE(RanksOf(Matrix::Constant(9, 3, 0.1))->is_constant());
}

TEST_F(RdmRanksTest, WhatDoesNotFitIsRefused) {
  ComputeContext context;
  context.scratch_limit_bytes = 12 * 100 * 100;
  const auto layer = testing::AsFloat64(testing::RandomNormal(100, 3, 1));
  EXPECT_EQ(RdmRanks::Compute(context, *layer, Dissimilarity::kCosine).status().code(),
            absl::StatusCode::kResourceExhausted);
  const auto many = testing::AsFloat64(Matrix::Zero(65537, 1));
  EXPECT_EQ(RdmRanks::Compute({}, *many, Dissimilarity::kCosine).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace gramian
