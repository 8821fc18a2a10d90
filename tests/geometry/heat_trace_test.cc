#include "gramian/geometry/heat_trace.h"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::RandomNormal;

constexpr double kEps = std::numeric_limits<double>::epsilon();
const std::vector<double> kTimes = {0.1, 1.0, 4.0, 10.0};

class HeatTraceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  static std::shared_ptr<const Neighbors> NeighborsOf(const Matrix& x, int64_t k) {
    return Neighbors::Compute(ComputeContext(), *AsFloat64(x), Nearness::kEuclidean, k).value();
  }

  // exp(-t L), literally.
  static Matrix Heat(const Neighbors& neighbors, double t) {
    const Index n = neighbors.rows();
    Matrix adjacency = Matrix::Zero(n, n);
    for (Index i = 0; i < n; ++i) {
      for (const int32_t j : neighbors.Of(i)) adjacency(i, j) = adjacency(j, i) = 1.0;
    }
    const Vector scale = adjacency.rowwise().sum().cwiseSqrt().cwiseInverse();
    const Eigen::MatrixXd laplacian =
        Matrix::Identity(n, n) - Matrix(scale.asDiagonal() * adjacency * scale.asDiagonal());
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(laplacian);
    return eigen.eigenvectors() * (-t * eigen.eigenvalues().array()).exp().matrix().asDiagonal() *
           eigen.eigenvectors().transpose();
  }
};

TEST_F(HeatTraceTest, ExactTraceIsThatOfTheExponential) {
  const auto neighbors = NeighborsOf(RandomNormal(70, 3, 1), 5);
  const Vector trace = ExactHeatTrace(ComputeContext(), *neighbors, kTimes).value();
  for (size_t i = 0; i < kTimes.size(); ++i) {
    EXPECT_NEAR(trace[static_cast<Index>(i)], Heat(*neighbors, kTimes[i]).trace() / 70.0,
                70.0 * 16.0 * kEps);
  }
}

// Five standard deviations of the mean of sign probes, sqrt(2 / probes) times the norm beside the
// diagonal.
TEST_F(HeatTraceTest, EstimateIsWithinItsError) {
  constexpr int64_t kProbes = 400;
  const auto neighbors = NeighborsOf(RandomNormal(150, 3, 2), 5);
  const Vector exact = ExactHeatTrace(ComputeContext(), *neighbors, kTimes).value();
  const Vector estimate =
      EstimatedHeatTrace(ComputeContext(), *neighbors, kTimes, kProbes, 3).value();
  for (size_t i = 0; i < kTimes.size(); ++i) {
    Matrix heat = Heat(*neighbors, kTimes[i]);
    heat.diagonal().setZero();
    const double deviation = std::sqrt(2.0 / kProbes) * heat.norm() / 150.0;
    const auto at = static_cast<Index>(i);
    EXPECT_NEAR(estimate[at], exact[at], 5.0 * deviation);
    EXPECT_NE(estimate[at], exact[at]);
  }
}

// A graph whose two eigenspaces two steps exhaust.
// exact.
TEST_F(HeatTraceTest, ProbesOfAnInvariantSubspaceEnd) {
  // Pairs far apart: L has the eigenvalues 0 and 2.
  Matrix pairs(40, 1);
  for (Index i = 0; i < 40; ++i) pairs(i, 0) = static_cast<double>(i / 2 * 100 + i % 2);
  const auto neighbors = NeighborsOf(pairs, 1);
  const Vector exact = ExactHeatTrace(ComputeContext(), *neighbors, kTimes).value();
  const Vector estimate = EstimatedHeatTrace(ComputeContext(), *neighbors, kTimes, 200, 1).value();
  for (size_t i = 0; i < kTimes.size(); ++i) {
    const auto at = static_cast<Index>(i);
    EXPECT_NEAR(exact[at], 0.5 * (1.0 + std::exp(-2.0 * kTimes[i])), 40.0 * 16.0 * kEps);
    const double beside = 0.5 * (1.0 - std::exp(-2.0 * kTimes[i]));
    EXPECT_NEAR(estimate[at], exact[at],
                5.0 * std::sqrt(2.0 / 200.0) * beside * std::sqrt(40.0) / 40.0);
  }
}

TEST_F(HeatTraceTest, ASeedFixesTheEstimateWhateverTheThreads) {
  const auto neighbors = NeighborsOf(RandomNormal(300, 3, 4), 5);
  const Vector serial = EstimatedHeatTrace(ComputeContext(), *neighbors, kTimes, 20, 7).value();
  ComputeArena arena(4);
  ComputeContext context;
  context.arena = &arena;
  EXPECT_EQ(EstimatedHeatTrace(context, *neighbors, kTimes, 20, 7).value(), serial);
  EXPECT_NE(EstimatedHeatTrace(context, *neighbors, kTimes, 20, 8).value(), serial);
}

TEST_F(HeatTraceTest, ScratchIsChecked) {
  const auto neighbors = NeighborsOf(RandomNormal(50, 3, 5), 5);
  ComputeContext small;
  small.scratch_limit_bytes = 32 * 50 * 50 - 1;
  EXPECT_EQ(ExactHeatTrace(small, *neighbors, kTimes).status().code(),
            absl::StatusCode::kResourceExhausted);
  small.scratch_limit_bytes = 300 * 50 + 8 * 50 * 5 + 8 * 10 * 4 - 1;
  EXPECT_EQ(EstimatedHeatTrace(small, *neighbors, kTimes, 10, 0).status().code(),
            absl::StatusCode::kResourceExhausted);
  small.scratch_limit_bytes += 1;
  EXPECT_TRUE(EstimatedHeatTrace(small, *neighbors, kTimes, 10, 0).ok());
}

}  // namespace
}  // namespace gramian
