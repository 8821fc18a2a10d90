// Goal: choices of inputs are what they are called, uniform, and the same everywhere for ever.
// Method: counts over many replicates; orders that were written down.
#include "gramian/engine/resampling.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gramian {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Lt;

TEST(ResamplingTest, APermutationHasEveryInputOnce) {
  for (const int64_t n : {1, 2, 3, 100}) {
    std::vector<int64_t> order = *PermuteInputs(n, 7, 3);
    ASSERT_EQ(order.size(), static_cast<size_t>(n));
    std::sort(order.begin(), order.end());
    for (int64_t i = 0; i < n; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
  }
}

TEST(ResamplingTest, AllOrdersAreEquallyLikely) {
  constexpr int64_t kReplicates = 24'000;
  std::map<std::vector<int64_t>, int> counts;
  for (int64_t i = 0; i < kReplicates; ++i) ++counts[*PermuteInputs(4, 11, i)];
  ASSERT_EQ(counts.size(), 24U);
  double chi_squared = 0.0;
  for (const auto& [order, count] : counts)
    chi_squared += (count - 1000.0) * (count - 1000.0) / 1000.0;
  // 23 degrees of freedom: above 49.7 with probability 0.001.
  EXPECT_LT(chi_squared, 49.7);
}

TEST(ResamplingTest, AResampleDrawsWithReplacement) {
  constexpr int64_t kInputs = 50;
  constexpr int64_t kReplicates = 2000;
  double different = 0.0;
  for (int64_t i = 0; i < kReplicates; ++i) {
    const std::vector<int64_t> sample = *ResampleInputs(kInputs, 1, i);
    ASSERT_EQ(sample.size(), static_cast<size_t>(kInputs));
    EXPECT_TRUE(std::is_sorted(sample.begin(), sample.end()));
    EXPECT_THAT(sample, Each(AllOf(Ge(0), Lt(kInputs))));
    different += static_cast<double>(std::set<int64_t>(sample.begin(), sample.end()).size());
  }
  const double expected = 50.0 * (1.0 - std::pow(1.0 - 1.0 / 50.0, 50.0));
  // The number of different inputs has a standard deviation below 2.3.
  EXPECT_NEAR(different / kReplicates, expected, 4.0 * 2.3 / std::sqrt(kReplicates));
}

TEST(ResamplingTest, HalvesAreDisjointAndEqual) {
  for (const int64_t n : {2, 3, 10, 101}) {
    const auto [first, second] = HalveInputs(n, 5, 0);
    EXPECT_EQ(first->size(), static_cast<size_t>(n / 2));
    EXPECT_EQ(second->size(), static_cast<size_t>(n / 2));
    std::set<int64_t> both(first->begin(), first->end());
    both.insert(second->begin(), second->end());
    EXPECT_EQ(both.size(), static_cast<size_t>(n / 2 * 2));
    EXPECT_GE(*both.begin(), 0);
    EXPECT_LT(*both.rbegin(), n);
  }
}

TEST(ResamplingTest, SeedsAndReplicatesDiffer) {
  EXPECT_EQ(*PermuteInputs(100, 1, 2), *PermuteInputs(100, 1, 2));
  EXPECT_NE(*PermuteInputs(100, 1, 2), *PermuteInputs(100, 1, 3));
  EXPECT_NE(*PermuteInputs(100, 1, 2), *PermuteInputs(100, 2, 2));
  EXPECT_NE(*PermuteInputs(100, 1, 2), *PermuteInputs(100, 2, 1));
}

TEST(ResamplingTest, ChoicesStayWhatTheyAre) {
  EXPECT_THAT(*PermuteInputs(8, 1, 0), ElementsAre(4, 0, 2, 6, 1, 7, 5, 3));
  EXPECT_THAT(*ResampleInputs(8, 1, 0), ElementsAre(0, 0, 2, 3, 4, 4, 7, 7));
  EXPECT_THAT(*HalveInputs(8, 1, 0).first, ElementsAre(0, 1, 2, 7));
}

}  // namespace
}  // namespace gramian
