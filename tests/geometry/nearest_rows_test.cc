#include "gramian/geometry/nearest_rows.h"

#include <stop_token>
#include <tuple>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::RandomNormal;

class NearestRowsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(NearestRowsTest, AreThoseOfAllDistances) {
  for (const auto& [n, m, k] :
       {std::tuple<Index, Index, Index>{1, 1, 1}, {1, 300, 3}, {257, 10, 2}, {600, 513, 7}}) {
    const Matrix points = RandomNormal(n, k, 1);
    const Matrix queries = RandomNormal(m, k, 2);
    const auto nearest = NearestRows({}, points, queries).value();
    ASSERT_EQ(static_cast<Index>(nearest.size()), m);
    for (Index i = 0; i < m; ++i) {
      Index expected = 0;
      (points.rowwise() - queries.row(i)).rowwise().squaredNorm().minCoeff(&expected);
      EXPECT_EQ(nearest[static_cast<size_t>(i)], expected) << n << " " << i;
    }
  }
}

TEST_F(NearestRowsTest, TiesGoToTheSmallestIndex) {
  const Matrix points = Matrix::Ones(600, 3);
  const auto nearest = NearestRows({}, points, RandomNormal(5, 3, 3)).value();
  EXPECT_EQ(nearest, std::vector<int32_t>(5, 0));
}

TEST_F(NearestRowsTest, AStoppedSearchIsCancelled) {
  std::stop_source source;
  source.request_stop();
  ComputeContext stopped;
  stopped.stop = source.get_token();
  EXPECT_EQ(NearestRows(stopped, RandomNormal(5, 2, 4), RandomNormal(5, 2, 5)).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace gramian
