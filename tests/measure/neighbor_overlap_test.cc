// Overlaps of neighbours against sets.
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive.h"
#include "tests/measure/naive_neighbors.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::Contains;
using testing::CosineSimilarities;
using testing::NaiveLists;
using testing::RandomActivations;
using testing::RandomRelated;
using testing::RankIn;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kBound = 4096.0 * kEps;

class NeighborOverlapTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  const Matrix x_ = RandomActivations(80, 6, 1);
  const Matrix y_ = RandomRelated(x_, 9, 0.7, 2);
};

struct NaiveOverlap {
  double jaccard = 0.0;
  double mutual = 0.0;
  double rank = 0.0;
  double joint = 0.0;
  double cycle = 0.0;
};

NaiveOverlap OverlapOf(const std::vector<std::vector<Index>>& a,
                       const std::vector<std::vector<Index>>& b) {
  NaiveOverlap mean;
  const auto n = static_cast<double>(a.size());
  for (size_t i = 0; i < a.size(); ++i) {
    std::set<Index> all(a[i].begin(), a[i].end());
    all.insert(b[i].begin(), b[i].end());
    double common = 0.0;
    double sum = 0.0;
    double harmonic = 0.0;
    bool is_cycle = false;
    for (const Index j : all) {
      if (Contains(b[i], j)) {
        is_cycle = is_cycle || Contains(a[static_cast<size_t>(j)], static_cast<Index>(i));
      }
      if (!Contains(a[i], j) || !Contains(b[i], j)) continue;
      const auto ra = static_cast<double>(RankIn(a[i], j));
      const auto rb = static_cast<double>(RankIn(b[i], j));
      common += 1.0;
      harmonic += 1.0 / common;
      sum += 2.0 / ((1.0 + std::abs(ra - rb)) * (ra + rb));
    }
    const double jaccard = common / static_cast<double>(all.size());
    const double rank = common > 0.0 ? sum / harmonic : 0.0;
    mean.jaccard += jaccard / n;
    mean.mutual += common / static_cast<double>(a[i].size()) / n;
    mean.rank += rank / n;
    mean.joint += jaccard * rank / n;
    mean.cycle += is_cycle ? 1.0 / n : 0.0;
  }
  return mean;
}

TEST_F(NeighborOverlapTest, OverlapsAreThoseOfTheSets) {
  for (const Index k : {1, 5, 10, 79}) {
    const NaiveOverlap expected =
        OverlapOf(NaiveLists(CosineSimilarities(x_), k), NaiveLists(CosineSimilarities(y_), k));
    const std::string suffix = absl::StrCat("-k=", k);
    EXPECT_NEAR(Compare("knn-jaccard" + suffix, x_, y_).value, expected.jaccard, kBound) << k;
    EXPECT_NEAR(Compare("mutual-knn" + suffix, x_, y_).value, expected.mutual, kBound) << k;
    EXPECT_NEAR(Compare("rank-similarity" + suffix, x_, y_).value, expected.rank, kBound) << k;
    EXPECT_NEAR(Compare("joint-rank-jaccard" + suffix, x_, y_).value, expected.joint, kBound) << k;
    EXPECT_NEAR(Compare("cycle-knn" + suffix, x_, y_).value, expected.cycle, kBound) << k;
  }
}

TEST_F(NeighborOverlapTest, NeighborsMayBeNearByDistanceOrProduct) {
  const Matrix x_near = -testing::NaiveDistances(x_);
  const Matrix y_near = -testing::NaiveDistances(y_);
  EXPECT_NEAR(Compare("knn-jaccard-neighbors=euclidean-k=7", x_, y_).value,
              OverlapOf(NaiveLists(x_near, 7), NaiveLists(y_near, 7)).jaccard, kBound);
  const Matrix x_dot = x_ * x_.transpose();
  const Matrix y_dot = y_ * y_.transpose();
  EXPECT_NEAR(Compare("mutual-knn-neighbors=dot-k=7", x_, y_).value,
              OverlapOf(NaiveLists(x_dot, 7), NaiveLists(y_dot, 7)).mutual, kBound);
}

TEST_F(NeighborOverlapTest, AllOthersAsNeighborsAreCommon) {
  EXPECT_EQ(Compare("knn-jaccard-k=79", x_, y_).value, 1.0);
  EXPECT_EQ(Compare("knn-jaccard-k=80", x_, y_).status, ScoreStatus::kTooFewInputs);
}

// What an index finds is said, and is no other score where it finds all.
TEST_F(NeighborOverlapTest, AnApproximateScoreTellsItsRecall) {
  const Matrix x = testing::RandomActivations(200, 6, 41);
  const Matrix y = testing::RandomRelated(x, 5, 0.5, 42);
  const Score exact = testing::Compare("knn-jaccard", x, y);
  EXPECT_EQ(exact.recall, 1.0);
  const Score all = testing::Compare("knn-jaccard-search=hnsw:200", x, y);
  EXPECT_EQ(all.recall, 1.0);
  EXPECT_EQ(all.value, exact.value);
  const Matrix wide_x = testing::RandomNormal(3000, 60, 43);
  const Matrix wide_y = testing::RandomRelated(wide_x, 50, 0.5, 44);
  const Score some =
      testing::Compare("mutual-knn-neighbors=euclidean-search=hnsw:1", wide_x, wide_y);
  EXPECT_GT(some.recall, 0.0);
  EXPECT_LT(some.recall, 1.0);
}

}  // namespace
}  // namespace gramian
