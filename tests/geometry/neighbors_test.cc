#include "gramian/geometry/neighbors.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::RandomActivations;

class NeighborsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

// Distances from their definition, all sorted; ties by index.
std::vector<int32_t> NaiveNeighbors(const Matrix& x, Nearness nearness, Index i, int64_t k) {
  std::vector<std::pair<double, int32_t>> others;
  for (Index j = 0; j < x.rows(); ++j) {
    if (j == i) continue;
    double distance = -x.row(i).dot(x.row(j));
    if (nearness == Nearness::kEuclidean) distance = (x.row(i) - x.row(j)).norm();
    if (nearness == Nearness::kCosine) {
      const double lengths = x.row(i).norm() * x.row(j).norm();
      distance = lengths > 0.0 ? 1.0 + distance / lengths : 1.0;
    }
    others.emplace_back(distance, static_cast<int32_t>(j));
  }
  std::sort(others.begin(), others.end());
  std::vector<int32_t> result;
  for (int64_t j = 0; j < k; ++j) result.push_back(others[static_cast<size_t>(j)].second);
  return result;
}

void ExpectNaive(const Matrix& x, Nearness nearness, int64_t k) {
  const auto neighbors = Neighbors::Compute({}, *AsFloat64(x), nearness, k);
  ASSERT_TRUE(neighbors.ok()) << neighbors.status();
  for (Index i = 0; i < x.rows(); ++i) {
    const auto ours = (*neighbors)->Of(i);
    EXPECT_EQ(std::vector<int32_t>(ours.begin(), ours.end()), NaiveNeighbors(x, nearness, i, k))
        << ToString(nearness) << " k=" << k << " row " << i;
  }
}

TEST_F(NeighborsTest, AreThoseOfASortOfAllDistances) {
  for (const Nearness nearness : {Nearness::kCosine, Nearness::kEuclidean, Nearness::kDot}) {
    for (const auto& [rows, cols] : {std::pair<Index, Index>{2, 3}, {40, 5}, {40, 90}, {600, 20}}) {
      const Matrix x = RandomActivations(rows, cols, 1);
      for (const int64_t k : {int64_t{1}, std::min<int64_t>(10, rows - 1), rows - 1}) {
        if (rows == 600 && k == rows - 1) continue;
        ExpectNaive(x, nearness, k);
      }
    }
  }
}

// A grid of small integers: nearly every distance is shared by several inputs, and exact.
TEST_F(NeighborsTest, TiesGoToTheSmallerIndex) {
  Matrix x(343, 3);
  for (Index i = 0; i < 343; ++i)
    x.row(i) << static_cast<double>(i % 7), static_cast<double>(i / 7 % 7),
        static_cast<double>(i / 49);
  ExpectNaive(x, Nearness::kEuclidean, 9);
  ExpectNaive(x, Nearness::kDot, 9);
}

TEST_F(NeighborsTest, InputsThatCoincideAreTakenInOrder) {
  Matrix x = RandomActivations(300, 8, 2);
  for (Index i = 100; i < 300; ++i) x.row(i) = x.row(i % 100);
  for (const Nearness nearness : {Nearness::kCosine, Nearness::kEuclidean, Nearness::kDot}) {
    const auto neighbors = Neighbors::Compute({}, *AsFloat64(x), nearness, 20).value();
    for (Index i = 0; i < 300; ++i) {
      const auto ours = neighbors->Of(i);
      const auto distances = neighbors->DistancesOf(i);
      for (size_t j = 1; j < ours.size(); ++j) {
        EXPECT_LE(distances[j - 1], distances[j]);
        // Equal rows are equally near: the smaller index first.
        if (ours[j - 1] % 100 == ours[j] % 100) {
          EXPECT_LT(ours[j - 1], ours[j]);
        }
      }
    }
  }
}

TEST_F(NeighborsTest, RowsOfZerosAreOrthogonalToEverything) {
  Matrix x = RandomActivations(40, 4, 3);
  x.row(5).setZero();
  x.row(17).setZero();
  ExpectNaive(x, Nearness::kCosine, 39);
}

TEST_F(NeighborsTest, OnlyALayerOfEqualInputsIsConstant) {
  const auto is_constant = [](const Matrix& x, Nearness nearness) {
    return Neighbors::Compute({}, *AsFloat64(x), nearness, 2).value()->is_constant();
  };
  const Vector scales = Vector::LinSpaced(20, 0.1, 3.0);
  const Matrix rays = scales * RandomActivations(1, 6, 4);
  EXPECT_TRUE(is_constant(rays, Nearness::kCosine));
  EXPECT_FALSE(is_constant(rays, Nearness::kEuclidean));
  EXPECT_FALSE(is_constant(rays, Nearness::kDot));
  EXPECT_TRUE(is_constant(Matrix::Constant(20, 3, 0.1), Nearness::kEuclidean));
}

// 4,000 inputs: an n x n array of doubles would be 128 MB.
TEST_F(NeighborsTest, NothingIsNByN) {
  ComputeContext context;
  context.scratch_limit_bytes = 4 << 20;
  EXPECT_TRUE(
      Neighbors::Compute(context, *AsFloat64(RandomActivations(4000, 16, 5)), Nearness::kCosine, 10)
          .ok());
}

// With all inputs in view an index finds what there is to find, in the same order.
TEST_F(NeighborsTest, AnIndexThatSeesAllIsExact) {
  const auto layer = testing::AsFloat64(testing::RandomActivations(300, 8, 31));
  for (const Nearness nearness : {Nearness::kCosine, Nearness::kEuclidean, Nearness::kDot}) {
    const auto exact = Neighbors::Compute(ComputeContext(), *layer, nearness, 7).value();
    const auto found =
        Neighbors::Compute(ComputeContext(), *layer, nearness, 7, NeighborSearch{300}).value();
    EXPECT_EQ(exact->recall(), 1.0);
    EXPECT_GE(found->recall(), nearness == Nearness::kDot ? 0.9 : 1.0);
    for (int64_t i = 0; found->recall() == 1.0 && i < 300; ++i) {
      EXPECT_EQ(found->Of(i), exact->Of(i));
      // The 40 digits that are kept may round up or down.
      for (size_t j = 0; j < 7; ++j) {
        const double distance = exact->DistancesOf(i)[j];
        EXPECT_NEAR(found->DistancesOf(i)[j], distance, std::ldexp(std::abs(distance), -39));
      }
    }
  }
}

// The recall that is reported is that of all inputs, as far as 256 of them tell.
TEST_F(NeighborsTest, RecallIsMeasured) {
  const auto layer = testing::AsFloat64(testing::RandomNormal(2000, 40, 32));
  const auto exact = Neighbors::Compute(ComputeContext(), *layer, Nearness::kEuclidean, 10).value();
  const auto found =
      Neighbors::Compute(ComputeContext(), *layer, Nearness::kEuclidean, 10, NeighborSearch{10})
          .value();
  int64_t common = 0;
  for (int64_t i = 0; i < 2000; ++i) {
    for (const int32_t j : found->Of(i)) {
      common += std::count(exact->Of(i).begin(), exact->Of(i).end(), j);
    }
  }
  const double recall = static_cast<double>(common) / 20000.0;
  EXPECT_LT(recall, 1.0);
  // Five standard deviations of a share of 2560.
  EXPECT_NEAR(found->recall(), recall, 5.0 * std::sqrt(0.25 / 2560.0));
}

// Inputs that coincide are all as near.
TEST_F(NeighborsTest, CoincidingInputsAreFoundByAnIndex) {
  Matrix x = testing::RandomNormal(200, 5, 33);
  x.topRows(150).rowwise() = x.row(0).eval();
  const auto found = Neighbors::Compute(ComputeContext(), *testing::AsFloat64(x),
                                        Nearness::kEuclidean, 20, NeighborSearch{200})
                         .value();
  for (int64_t i = 0; i < 200; ++i) {
    EXPECT_EQ(std::set<int32_t>(found->Of(i).begin(), found->Of(i).end()).size(), 20U);
  }
  EXPECT_GT(found->recall(), 0.9);
}

}  // namespace
}  // namespace gramian
