#include "gramian/measure/neighborhoods.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive_neighbors.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::RandomActivations;
using testing::RandomRelated;

class NeighborhoodsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(NeighborhoodsTest, CommonNeighborsHaveTheirRanksOnBothSides) {
  const Matrix x = RandomActivations(30, 5, 1);
  const Matrix y = RandomRelated(x, 7, 0.8, 2);
  const auto a = Neighbors::Compute({}, *AsFloat64(x), Nearness::kCosine, 9).value();
  const auto b = Neighbors::Compute({}, *AsFloat64(y), Nearness::kCosine, 9).value();
  const auto a_lists = testing::NaiveLists(testing::CosineSimilarities(x), 9);
  const auto b_lists = testing::NaiveLists(testing::CosineSimilarities(y), 9);
  for (Index i = 0; i < 30; ++i) {
    const auto row = static_cast<size_t>(i);
    const std::vector<CommonNeighbor> common = CommonNeighbors(*a, *b, i);
    size_t next = 0;
    for (const Index j : a_lists[row]) {
      if (!testing::Contains(b_lists[row], j)) continue;
      ASSERT_LT(next, common.size());
      EXPECT_EQ(common[next].index, j);
      EXPECT_EQ(common[next].a_rank, testing::RankIn(a_lists[row], j));
      EXPECT_EQ(common[next].b_rank, testing::RankIn(b_lists[row], j));
      ++next;
    }
    EXPECT_EQ(next, common.size());
  }
}

// Counts what is computed.
class CountingCache final : public DerivedCache {
 public:
  absl::StatusOr<std::shared_ptr<const Derived>> GetOrCompute(const std::string& key,
                                                              const ComputeContext& context,
                                                              const Compute& compute) override {
    const auto it = objects_.find(key);
    if (it != objects_.end()) return it->second;
    ++computed;
    absl::StatusOr<std::shared_ptr<const Derived>> object = compute(context);
    if (object.ok()) objects_[key] = *object;
    return object;
  }
  int computed = 0;

 private:
  std::map<std::string, std::shared_ptr<const Derived>> objects_;
};

TEST_F(NeighborhoodsTest, MeasuresShareTheListsOfALayer) {
  CountingCache cache;
  const Operand a(AsFloat64(RandomActivations(30, 5, 3)), &cache);
  const Operand b(AsFloat64(RandomActivations(30, 5, 4)), &cache);
  for (const char* measure : {"knn-jaccard", "mutual-knn", "rank-similarity", "joint-rank-jaccard",
                              "cycle-knn", "second-order-cosine", "cknna"}) {
    ASSERT_TRUE(testing::TryCompare(measure, a, b).ok()) << measure;
    EXPECT_EQ(cache.computed, 2) << measure;
  }
  ASSERT_TRUE(testing::TryCompare("mutual-knn-k=3", a, b).ok());
  EXPECT_EQ(cache.computed, 4);
}

TEST_F(NeighborhoodsTest, TheMeanIsTheSameWhateverTheThreads) {
  const auto score = [](int64_t i) { return 1.0 / static_cast<double>(i + 1); };
  const double serial = MeanOverInputs({}, 5000, score).value();
  ComputeArena arena(3);
  ComputeContext context;
  context.arena = &arena;
  EXPECT_EQ(MeanOverInputs(context, 5000, score).value(), serial);
}

}  // namespace
}  // namespace gramian
