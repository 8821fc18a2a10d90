#include "gramian/geometry/neighbor_index.h"

#include <algorithm>
#include <set>
#include <stop_token>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::RandomNormal;

// The nearest by looking at all.
std::vector<int32_t> Nearest(const MatrixF& x, Index row, bool by_inner_product, size_t count) {
  std::vector<std::pair<float, int32_t>> all;
  for (Index other = 0; other < x.rows(); ++other) {
    if (other == row) continue;
    const float distance = by_inner_product ? -x.row(row).dot(x.row(other))
                                            : (x.row(row) - x.row(other)).squaredNorm();
    all.emplace_back(distance, static_cast<int32_t>(other));
  }
  std::sort(all.begin(), all.end());
  std::vector<int32_t> nearest;
  for (size_t i = 0; i < count; ++i) nearest.push_back(all[i].second);
  return nearest;
}

double Recall(const MatrixF& x, bool by_inner_product, int64_t effort) {
  constexpr size_t kCount = 10;
  const auto candidates =
      NeighborCandidates(ComputeContext(), x, by_inner_product, kCount, effort).value();
  size_t found = 0;
  for (Index row = 0; row < x.rows(); ++row) {
    const std::vector<int32_t>& list = candidates[static_cast<size_t>(row)];
    EXPECT_EQ(std::set<int32_t>(list.begin(), list.end()).size(), list.size());
    EXPECT_EQ(std::find(list.begin(), list.end(), row), list.end());
    for (const int32_t other : Nearest(x, row, by_inner_product, kCount)) {
      found += std::find(list.begin(), list.end(), other) != list.end() ? 1U : 0U;
    }
  }
  return static_cast<double>(found) / static_cast<double>(kCount * candidates.size());
}

TEST(NeighborIndexTest, MostNeighborsAreFound) {
  const MatrixF x = RandomNormal(800, 6, 1).cast<float>();
  EXPECT_GT(Recall(x, false, 100), 0.99);
  const MatrixF unit = x.rowwise().normalized();
  EXPECT_GT(Recall(unit, true, 100), 0.99);
}

TEST(NeighborIndexTest, MoreEffortFindsMore) {
  const MatrixF x = RandomNormal(800, 30, 2).cast<float>();
  EXPECT_LT(Recall(x, false, 1), Recall(x, false, 400));
  EXPECT_EQ(Recall(x, false, 800), 1.0);
}

TEST(NeighborIndexTest, ThreadsChangeNothing) {
  const MatrixF x = RandomNormal(500, 20, 3).cast<float>();
  ComputeArena arena(4);
  ComputeContext context;
  context.arena = &arena;
  EXPECT_EQ(NeighborCandidates(context, x, false, 5, 20).value(),
            NeighborCandidates(ComputeContext(), x, false, 5, 20).value());
}

TEST(NeighborIndexTest, LimitsAndCancellationAreKept) {
  const MatrixF x = RandomNormal(100, 4, 4).cast<float>();
  ComputeContext small;
  small.scratch_limit_bytes = (4 * 4 + 300 + 4 * 6) * 100 - 1;
  EXPECT_EQ(NeighborCandidates(small, x, false, 5, 20).status().code(),
            absl::StatusCode::kResourceExhausted);
  small.scratch_limit_bytes += 1;
  EXPECT_TRUE(NeighborCandidates(small, x, false, 5, 20).ok());
  std::stop_source source;
  source.request_stop();
  ComputeContext stopped;
  stopped.stop = source.get_token();
  EXPECT_EQ(NeighborCandidates(stopped, x, false, 5, 20).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace gramian
