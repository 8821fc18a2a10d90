// Goal: the eigenvectors are those of the Laplacian with the least eigenvalues. Method: the closed
// form of a ring, residuals, and all eigenvalues of a dense matrix.
#include "gramian/geometry/laplacian_eigenbasis.h"

#include <cmath>
#include <limits>
#include <stop_token>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::RandomActivations;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class LaplacianEigenbasisTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

std::shared_ptr<const NeighborGraph> GraphOf(const Matrix& x, const GraphSpec& spec) {
  return NeighborGraph::Compute({}, *AsFloat64(x), spec).value();
}

// max |L phi - lambda phi| and how far the functions are from orthonormal.
void ExpectEigenbasis(const NeighborGraph& graph, const LaplacianEigenbasis& basis,
                      double tolerance) {
  const Index n = graph.rows();
  for (Index i = 0; i < basis.size(); ++i) {
    const Vector mode = basis.modes().row(i);
    Vector product(n);
    ASSERT_TRUE(graph.Multiply({}, mode.data(), product.data()).ok());
    EXPECT_LE((mode - product - basis.values()[i] * mode).norm(), tolerance) << i;
    if (i > 0) {
      EXPECT_GE(basis.values()[i], basis.values()[i - 1]);
    }
    Index largest = 0;
    mode.cwiseAbs().maxCoeff(&largest);
    EXPECT_GT(mode[largest], 0.0);
  }
  const Matrix gram = basis.modes() * basis.modes().transpose();
  EXPECT_LE((gram - Matrix::Identity(basis.size(), basis.size())).norm(), tolerance);
  const Vector first = graph.degrees().cwiseSqrt().normalized();
  EXPECT_LE((basis.modes().row(0).transpose() - first).norm(), 100.0 * tolerance);
  EXPECT_LE(basis.values()[0], tolerance);
}

TEST_F(LaplacianEigenbasisTest, ARingHasItsClosedForm) {
  constexpr Index n = 12;
  const double step = 2.0 * std::acos(-1.0) / static_cast<double>(n);
  Matrix x(n, 2);
  for (Index i = 0; i < n; ++i) {
    const double angle = step * static_cast<double>(i);
    x.row(i) << std::cos(angle), std::sin(angle);
  }
  const auto graph = GraphOf(x, {GraphMetric::kEuclidean, EdgeWeight::kUniform, 2});
  const auto basis = LaplacianEigenbasis::Compute({}, *graph, n - 1).value();
  for (Index i = 0; i < n - 1; ++i) {
    // 0, then each twice.
    EXPECT_NEAR(basis->values()[i], 1.0 - std::cos(step * static_cast<double>((i + 1) / 2)),
                16.0 * kEps);
  }
  EXPECT_NEAR(basis->gap(), 1.0 - std::cos(step), 16.0 * kEps);
}

TEST_F(LaplacianEigenbasisTest, DenseAndIterativeAreEigenvectors) {
  for (const EdgeWeight weight : {EdgeWeight::kGaussian, EdgeWeight::kDistance}) {
    for (const Index n : {300, 700}) {
      const auto graph = GraphOf(RandomActivations(n, 10, 1), {GraphMetric::kAngular, weight, 40});
      const auto basis = LaplacianEigenbasis::Compute({}, *graph, 30).value();
      ExpectEigenbasis(*graph, *basis, n == 300 ? 256.0 * kEps : 1.0e-11);
    }
  }
}

// With 300 neighbours and weights that grow with distance most of the largest eigenvalues in
// modulus of I - L are negative: the least smooth functions, which must not come in.
TEST_F(LaplacianEigenbasisTest, ItTakesTheLeastEigenvaluesNotTheLargestModulus) {
  const auto graph =
      GraphOf(RandomActivations(600, 24, 2), {GraphMetric::kAngular, EdgeWeight::kDistance, 300});
  const auto all = LaplacianEigenbasis::Compute({}, *graph, 599).value();
  const auto some = LaplacianEigenbasis::Compute({}, *graph, 40).value();
  EXPECT_GT(all->values()[598], 1.0 + (1.0 - all->values()[39]));
  EXPECT_LE((some->values() - all->values().head(40)).cwiseAbs().maxCoeff(), 1.0e-11);
  EXPECT_NEAR(some->gap(), all->values()[40] - all->values()[39], 1.0e-11);
}

TEST_F(LaplacianEigenbasisTest, ThreadsDoNotChangeABit) {
  const auto graph = GraphOf(RandomActivations(800, 10, 3), {});
  Matrix first;
  for (const int threads : {1, 3}) {
    ComputeArena arena(threads);
    ComputeContext context;
    context.arena = &arena;
    const auto basis = LaplacianEigenbasis::Compute(context, *graph, 20).value();
    if (first.size() == 0) first = basis->modes();
    EXPECT_EQ(first, basis->modes());
  }
}

TEST_F(LaplacianEigenbasisTest, LimitsAndStopsAreRespected) {
  for (const Index n : {200, 800}) {
    const auto graph = GraphOf(RandomActivations(n, 8, 4), {});
    ComputeContext small;
    small.scratch_limit_bytes = 1000;
    EXPECT_EQ(LaplacianEigenbasis::Compute(small, *graph, 10).status().code(),
              absl::StatusCode::kResourceExhausted);
    std::stop_source source;
    source.request_stop();
    ComputeContext stopped;
    stopped.stop = source.get_token();
    EXPECT_EQ(LaplacianEigenbasis::Compute(stopped, *graph, 10).status().code(),
              absl::StatusCode::kCancelled);
  }
}

}  // namespace
}  // namespace gramian
