#include <cmath>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive_neighbors.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::CosineSimilarities;
using testing::NaiveLists;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kBound = 4096.0 * kEps;

class SecondOrderCosineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  const Matrix x_ = RandomActivations(80, 6, 1);
  const Matrix y_ = RandomRelated(x_, 9, 0.7, 2);
};

TEST_F(SecondOrderCosineTest, SecondOrderCosineIsThatOfDistancesToTheUnion) {
  const Matrix a = (1.0 - CosineSimilarities(x_).array()).matrix();
  const Matrix b = (1.0 - CosineSimilarities(y_).array()).matrix();
  for (const Index k : {1, 10}) {
    const auto a_lists = NaiveLists(CosineSimilarities(x_), k);
    const auto b_lists = NaiveLists(CosineSimilarities(y_), k);
    double expected = 0.0;
    for (Index i = 0; i < 80; ++i) {
      const auto row = static_cast<size_t>(i);
      std::set<Index> either(a_lists[row].begin(), a_lists[row].end());
      either.insert(b_lists[row].begin(), b_lists[row].end());
      double ab = 0.0;
      double aa = 0.0;
      double bb = 0.0;
      for (const Index j : either) {
        ab += a(i, j) * b(i, j);
        aa += a(i, j) * a(i, j);
        bb += b(i, j) * b(i, j);
      }
      expected += ab / std::sqrt(aa * bb) / 80.0;
    }
    EXPECT_NEAR(Compare(absl::StrCat("second-order-cosine-k=", k), x_, y_).value, expected, kBound);
  }
}

TEST_F(SecondOrderCosineTest, SecondOrderCosineOfCoincidingNeighborsIsDefined) {
  // Groups of 6 equal rows: the 5 nearest neighbours are at distance 0.
  Matrix x = RandomActivations(30, 4, 3);
  for (Index i = 0; i < 30; ++i) x.row(i) = x.row(i / 6 * 6);
  EXPECT_EQ(Compare("second-order-cosine-k=5", x, x).value, 1.0);
  EXPECT_EQ(Compare("second-order-cosine-k=5", x, 2.0 * x).value, 1.0);
  const Score score = Compare("second-order-cosine-k=5", x, RandomNormal(30, 4, 4));
  EXPECT_EQ(score.status, ScoreStatus::kOk);
  EXPECT_TRUE(std::isfinite(score.value));
}

}  // namespace
}  // namespace gramian
