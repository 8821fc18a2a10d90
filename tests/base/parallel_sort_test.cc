#include "gramian/base/parallel_sort.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace gramian {
namespace {

// Sizes around the pieces that are sorted by one task, and several levels of merging above them.
constexpr size_t kSizes[] = {0,     1, 2, 1000, (1U << 17) - 1, (1U << 17) + 1, 3 * (1U << 17) + 5,
                             700000};

TEST(ParallelSortTest, SortsLikeTheStandardLibraryWhateverTheThreads) {
  std::mt19937_64 random(1);
  for (const size_t size : kSizes) {
    std::vector<double> values(size);
    // Few different values, so that runs of equal ones cross all borders.
    for (double& value : values) value = static_cast<double>(random() % 1000) - 500.0;
    std::vector<double> expected = values;
    std::sort(expected.begin(), expected.end());
    for (const int threads : {1, 3}) {
      ComputeArena arena(threads);
      ComputeContext context;
      context.arena = &arena;
      std::vector<double> sorted = values;
      ASSERT_TRUE(ParallelSort(context, sorted).ok());
      EXPECT_EQ(sorted, expected) << size;
    }
  }
}

TEST(ParallelSortTest, CountsInversions) {
  // By hand: 3 before 1, 2, 1; 2 before 1.
  std::vector<uint32_t> few = {3, 1, 2, 1};
  EXPECT_EQ(CountInversions({}, few).value(), 4);
  EXPECT_EQ(few, (std::vector<uint32_t>{1, 1, 2, 3}));
  std::mt19937_64 random(2);
  std::vector<uint32_t> some(2000);
  for (uint32_t& value : some) value = static_cast<uint32_t>(random() % 300);
  int64_t expected = 0;
  for (size_t i = 0; i < some.size(); ++i) {
    for (size_t j = i + 1; j < some.size(); ++j) expected += some[i] > some[j] ? 1 : 0;
  }
  EXPECT_EQ(CountInversions({}, some).value(), expected);
}

TEST(ParallelSortTest, CountsInversionsAcrossPieces) {
  for (const size_t size : kSizes) {
    std::vector<uint32_t> falling(size);
    for (size_t i = 0; i < size; ++i) falling[i] = static_cast<uint32_t>((size - i) / 2);
    // All pairs but those of two equal values.
    const auto n = static_cast<int64_t>(size);
    const int64_t ties = n == 0 ? 0 : (n - 1) / 2;
    EXPECT_EQ(CountInversions({}, falling).value(), n * (n - 1) / 2 - ties) << size;
    EXPECT_TRUE(std::is_sorted(falling.begin(), falling.end()));
  }
}

TEST(ParallelSortTest, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  ComputeContext context;
  context.stop = source.get_token();
  std::vector<uint64_t> values = {2, 1};
  EXPECT_EQ(ParallelSort(context, values).code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace gramian
