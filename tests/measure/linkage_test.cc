// Goal: dendrograms are those of the definition. Method: clusters joined one by one, their
// distances taken from the distances of all their points; small cases by hand.
#include "gramian/measure/linkage.h"

#include <algorithm>
#include <limits>
#include <set>
#include <stop_token>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using ::testing::ElementsAre;
using testing::RandomNormal;

constexpr double kEps = std::numeric_limits<double>::epsilon();

Matrix Distances(const Matrix& points) {
  Matrix distances(points.rows(), points.rows());
  for (Index i = 0; i < points.rows(); ++i) {
    for (Index j = 0; j < points.rows(); ++j) {
      distances(i, j) = (points.row(i) - points.row(j)).norm();
    }
  }
  return distances;
}

double Between(const Matrix& distances, const std::vector<Index>& a, const std::vector<Index>& b,
               LinkageMethod method) {
  double sum = 0.0;
  double largest = 0.0;
  for (const Index i : a) {
    for (const Index j : b) {
      sum += distances(i, j);
      largest = std::max(largest, distances(i, j));
    }
  }
  return method == LinkageMethod::kComplete ? largest
                                            : sum / static_cast<double>(a.size() * b.size());
}

// Joins the nearest two clusters again and again.
std::vector<Merge> Naive(const Matrix& distances, LinkageMethod method) {
  std::vector<std::vector<Index>> clusters;
  std::set<Index> alive;
  for (Index i = 0; i < distances.rows(); ++i) {
    clusters.push_back({i});
    alive.insert(i);
  }
  std::vector<Merge> merges;
  while (alive.size() > 1) {
    Merge best;
    best.height = std::numeric_limits<double>::infinity();
    for (const Index i : alive) {
      for (const Index j : alive) {
        const auto& a = clusters[static_cast<size_t>(i)];
        const auto& b = clusters[static_cast<size_t>(j)];
        if (i >= j || Between(distances, a, b, method) >= best.height) continue;
        best = {i, j, Between(distances, a, b, method), static_cast<Index>(a.size() + b.size())};
      }
    }
    std::vector<Index> merged = clusters[static_cast<size_t>(best.first)];
    const auto& second = clusters[static_cast<size_t>(best.second)];
    merged.insert(merged.end(), second.begin(), second.end());
    alive.erase(best.first);
    alive.erase(best.second);
    alive.insert(static_cast<Index>(clusters.size()));
    clusters.push_back(std::move(merged));
    merges.push_back(best);
  }
  return merges;
}

TEST(LinkageTest, JoinsTheNearestClusters) {
  for (const LinkageMethod method : {LinkageMethod::kAverage, LinkageMethod::kComplete}) {
    for (uint64_t seed = 0; seed < 10; ++seed) {
      const Matrix distances = Distances(RandomNormal(static_cast<Index>(2 + 4 * seed), 3, seed));
      const Dendrogram tree = ClusterHierarchically({}, distances, method).value();
      const std::vector<Merge> expected = Naive(distances, method);
      ASSERT_EQ(tree.merges.size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(tree.merges[i].first, expected[i].first);
        EXPECT_EQ(tree.merges[i].second, expected[i].second);
        EXPECT_EQ(tree.merges[i].size, expected[i].size);
        EXPECT_NEAR(tree.merges[i].height, expected[i].height, 64.0 * kEps * distances.norm());
      }
    }
  }
}

TEST(LinkageTest, LeavesOfAClusterAreNeighbours) {
  // Points of a line: 0, 1, 2 at the left, 3 and 4 far to the right.
  Matrix points(5, 1);
  points << 0.0, 1.0, 2.5, 10.0, 10.5;
  const Dendrogram tree =
      ClusterHierarchically({}, Distances(points), LinkageMethod::kComplete).value();
  ASSERT_EQ(tree.merges.size(), 4U);
  EXPECT_EQ(tree.merges[0].height, 0.5);
  EXPECT_EQ(tree.merges[1].height, 1.0);
  EXPECT_EQ(tree.merges[2].height, 2.5);
  EXPECT_EQ(tree.merges[3].height, 10.5);
  EXPECT_THAT(tree.leaf_order, ElementsAre(3, 4, 2, 0, 1));
}

TEST(LinkageTest, EqualDistancesEnd) {
  const Matrix distances = Matrix::Ones(6, 6) - Matrix::Identity(6, 6);
  const Dendrogram tree = ClusterHierarchically({}, distances, LinkageMethod::kAverage).value();
  EXPECT_EQ(tree.merges.size(), 5U);
  for (const Merge& merge : tree.merges) EXPECT_NEAR(merge.height, 1.0, 8.0 * kEps);
  EXPECT_EQ(std::set<Index>(tree.leaf_order.begin(), tree.leaf_order.end()).size(), 6U);
}

TEST(LinkageTest, OnePointIsATree) {
  const Dendrogram tree =
      ClusterHierarchically({}, Matrix::Zero(1, 1), LinkageMethod::kAverage).value();
  EXPECT_TRUE(tree.merges.empty());
  EXPECT_THAT(tree.leaf_order, ElementsAre(0));
}

TEST(LinkageTest, StopsAndStaysWithinItsScratch) {
  const Matrix distances = Distances(RandomNormal(10, 2, 1));
  std::stop_source stopped;
  stopped.request_stop();
  ComputeContext context;
  context.stop = stopped.get_token();
  EXPECT_TRUE(absl::IsCancelled(
      ClusterHierarchically(context, distances, LinkageMethod::kAverage).status()));
  ComputeContext small;
  small.scratch_limit_bytes = 8 * 10 * 10;
  EXPECT_TRUE(ClusterHierarchically(small, distances, LinkageMethod::kAverage).ok());
  small.scratch_limit_bytes -= 1;
  EXPECT_TRUE(absl::IsResourceExhausted(
      ClusterHierarchically(small, distances, LinkageMethod::kAverage).status()));
}

}  // namespace
}  // namespace gramian
