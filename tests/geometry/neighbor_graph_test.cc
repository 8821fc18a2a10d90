// Goal: the graph is the definition, and always connected. Method: dense matrices from the
// definition, written plainly.
#include "gramian/geometry/neighbor_graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stop_token>
#include <utility>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::RandomActivations;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class NeighborGraphTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

std::shared_ptr<const NeighborGraph> GraphOf(const Matrix& x, const GraphSpec& spec) {
  return NeighborGraph::Compute({}, *AsFloat64(x), spec).value();
}

double NaiveDistance(const Matrix& x, GraphMetric metric, Index i, Index j) {
  if (metric == GraphMetric::kEuclidean) return (x.row(i) - x.row(j)).norm();
  const double lengths = x.row(i).norm() * x.row(j).norm();
  return lengths > 0.0 ? std::sqrt(std::max(2.0 - 2.0 * x.row(i).dot(x.row(j)) / lengths, 0.0))
                       : std::sqrt(2.0);
}

// W from its definition.
Matrix NaiveWeights(const Matrix& x, const GraphSpec& spec) {
  const Index n = x.rows();
  const auto k = static_cast<size_t>(spec.NeighborCount(n));
  std::vector<std::vector<std::pair<double, Index>>> nearest(static_cast<size_t>(n));
  for (Index i = 0; i < n; ++i) {
    auto& list = nearest[static_cast<size_t>(i)];
    for (Index j = 0; j < n; ++j) {
      if (j != i) list.emplace_back(NaiveDistance(x, spec.metric, i, j), j);
    }
    std::sort(list.begin(), list.end());
    list.resize(k);
  }
  Matrix w = Matrix::Zero(n, n);
  for (Index i = 0; i < n; ++i) {
    const double reach = nearest[static_cast<size_t>(i)].back().first;
    for (const auto& [d, j] : nearest[static_cast<size_t>(i)]) {
      const double other = nearest[static_cast<size_t>(j)].back().first;
      switch (spec.weight) {
        case EdgeWeight::kGaussian:
          w(i, j) = std::exp(-4.0 * d * d / (reach * reach));
          break;
        case EdgeWeight::kSymmetricGaussian:
          w(i, j) = std::exp(-4.0 * d * d / (reach * other));
          break;
        case EdgeWeight::kUniform:
          w(i, j) = 1.0;
          break;
        case EdgeWeight::kDistance:
          w(i, j) = d;
          break;
        case EdgeWeight::kSingular:
          w(i, j) = 1.0 / d;
      }
    }
  }
  const Matrix transposed = w.transpose();
  if (spec.weight == EdgeWeight::kGaussian) return 0.5 * (w + transposed);
  return w.cwiseMax(transposed);
}

Matrix Dense(const NeighborGraph& graph) {
  Matrix dense = Matrix::Zero(graph.rows(), graph.rows());
  for (Index i = 0; i < graph.rows(); ++i) {
    for (size_t e = 0; e < graph.Of(i).size(); ++e) {
      dense(i, graph.Of(i)[e]) = graph.NormalizedWeightsOf(i)[e];
    }
  }
  return dense;
}

TEST_F(NeighborGraphTest, WeightsAreTheDefinition) {
  const Matrix x = RandomActivations(300, 6, 1);
  for (const GraphMetric metric : {GraphMetric::kAngular, GraphMetric::kEuclidean}) {
    for (const EdgeWeight weight :
         {EdgeWeight::kGaussian, EdgeWeight::kSymmetricGaussian, EdgeWeight::kUniform,
          EdgeWeight::kDistance, EdgeWeight::kSingular}) {
      const GraphSpec spec{metric, weight, 12};
      const auto graph = GraphOf(x, spec);
      const Matrix w = NaiveWeights(x, spec);
      const Vector degrees = w.rowwise().sum();
      ASSERT_EQ(graph->component_count(), 1) << spec.ToString();
      // The naive angular distance cancels to sqrt(eps) of 1 at worst; here distances are above
      // 0.1.
      const double tolerance = 4096.0 * kEps;
      EXPECT_LE((graph->degrees() - degrees).cwiseQuotient(degrees).cwiseAbs().maxCoeff(),
                tolerance)
          << spec.ToString();
      const Vector scale = degrees.cwiseSqrt().cwiseInverse();
      const Matrix expected = scale.asDiagonal() * w * scale.asDiagonal();
      EXPECT_LE((Dense(*graph) - expected).cwiseAbs().maxCoeff(), tolerance) << spec.ToString();
      const Vector v = testing::RandomNormal(300, 1, 2).col(0);
      Vector product(300);
      ASSERT_TRUE(graph->Multiply({}, v.data(), product.data()).ok());
      EXPECT_LE((product - expected * v).cwiseAbs().maxCoeff(), tolerance * v.norm());
    }
  }
}

TEST_F(NeighborGraphTest, PathsAreTheShortest) {
  const Matrix x = RandomActivations(60, 4, 3);
  const auto graph = GraphOf(x, {GraphMetric::kEuclidean, EdgeWeight::kGaussian, 4});
  // Floyd and Warshall.
  Matrix d = Matrix::Constant(60, 60, std::numeric_limits<double>::infinity());
  for (Index i = 0; i < 60; ++i) {
    d(i, i) = 0.0;
    for (size_t e = 0; e < graph->Of(i).size(); ++e) {
      d(i, graph->Of(i)[e]) = graph->LengthsOf(i)[e];
      EXPECT_NEAR(graph->LengthsOf(i)[e], (x.row(i) - x.row(graph->Of(i)[e])).norm(),
                  16.0 * kEps * x.norm());
    }
  }
  for (Index m = 0; m < 60; ++m) {
    for (Index i = 0; i < 60; ++i) {
      for (Index j = 0; j < 60; ++j) d(i, j) = std::min(d(i, j), d(i, m) + d(m, j));
    }
  }
  for (const Index source : {0, 31, 59}) {
    EXPECT_LE((graph->PathLengths(source) - d.row(source).transpose()).cwiseAbs().maxCoeff(),
              64.0 * kEps * d.maxCoeff());
  }
}

TEST_F(NeighborGraphTest, ComponentsAreJoinedByTheirShortestLinks) {
  // Three groups on a line, apart by 100 and by 50.
  Matrix x(30, 1);
  for (Index i = 0; i < 30; ++i) {
    x(i, 0) = static_cast<double>(i % 10) * 1.1 + (i < 10 ? 0.0 : i < 20 ? 110.0 : 170.0);
  }
  const auto graph = GraphOf(x, {GraphMetric::kEuclidean, EdgeWeight::kSingular, 3});
  EXPECT_EQ(graph->component_count(), 3);
  const auto has_edge = [&](Index i, Index j) {
    const auto targets = graph->Of(i);
    return std::find(targets.begin(), targets.end(), static_cast<int32_t>(j)) != targets.end();
  };
  EXPECT_TRUE(has_edge(9, 10));
  EXPECT_TRUE(has_edge(10, 9));
  EXPECT_TRUE(has_edge(19, 20));
  EXPECT_FALSE(has_edge(9, 20));
  EXPECT_NEAR(graph->PathLengths(0)[29], 179.9, 1.0e-12);
  // As light as the lightest edge, 1 / 3.3.
  const size_t edge = static_cast<size_t>(std::find(graph->Of(9).begin(), graph->Of(9).end(), 10) -
                                          graph->Of(9).begin());
  const double weight =
      graph->NormalizedWeightsOf(9)[edge] * std::sqrt(graph->degrees()[9] * graph->degrees()[10]);
  EXPECT_NEAR(weight, 1.0 / 3.3, 64.0 * kEps);
}

// Edges without length weigh nothing as distances; they connect nothing, and links do.
TEST_F(NeighborGraphTest, CoincidingInputsStayConnected) {
  Matrix x = Matrix::Ones(40, 2);
  for (Index i = 20; i < 40; ++i) x.row(i) << -1.0, 2.0;
  for (const EdgeWeight weight : {EdgeWeight::kGaussian, EdgeWeight::kSymmetricGaussian,
                                  EdgeWeight::kDistance, EdgeWeight::kSingular}) {
    const auto graph = GraphOf(x, {GraphMetric::kAngular, weight, 5});
    EXPECT_EQ(graph->component_count(), weight == EdgeWeight::kDistance ? 40 : 2);
    EXPECT_GT(graph->degrees().minCoeff(), 0.0);
    EXPECT_TRUE(graph->degrees().allFinite());
    EXPECT_TRUE(Dense(*graph).allFinite());
    EXPECT_TRUE(graph->PathLengths(0).allFinite());
    EXPECT_FALSE(graph->is_constant());
  }
  EXPECT_TRUE(GraphOf(Matrix::Ones(10, 3), {}).get()->is_constant());
}

TEST_F(NeighborGraphTest, ARowOfZerosIsAtRightAnglesToEveryOther) {
  Matrix x = RandomActivations(20, 5, 4);
  x.row(7).setZero();
  const auto graph = GraphOf(x, {GraphMetric::kAngular, EdgeWeight::kUniform, 19});
  for (const double length : graph->LengthsOf(7)) EXPECT_EQ(length, std::sqrt(2.0));
}

TEST_F(NeighborGraphTest, NeighboursAreAtMostTheOthers) {
  const GraphSpec automatic;
  EXPECT_EQ(automatic.NeighborCount(2), 1);
  EXPECT_EQ(automatic.NeighborCount(100), 30);
  EXPECT_EQ(automatic.NeighborCount(2000), 100);
  EXPECT_EQ(automatic.NeighborCount(100000), 300);
  GraphSpec fixed;
  fixed.neighbors = 10;
  EXPECT_EQ(fixed.NeighborCount(10), 9);
  EXPECT_EQ(fixed.NeighborCount(1000), 10);
  EXPECT_EQ(automatic.ToString(), "graph=angular-weights=gaussian-neighbors=auto");
  EXPECT_EQ(ParseEdgeWeight("cubic").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseGraphMetric("dot").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(NeighborGraphTest, LimitsAndStopsAreRespected) {
  const auto x = AsFloat64(RandomActivations(200, 8, 5));
  ComputeContext small;
  small.scratch_limit_bytes = 1000;
  EXPECT_EQ(NeighborGraph::Compute(small, *x, {}).status().code(),
            absl::StatusCode::kResourceExhausted);
  std::stop_source source;
  source.request_stop();
  ComputeContext stopped;
  stopped.stop = source.get_token();
  EXPECT_EQ(NeighborGraph::Compute(stopped, *x, {}).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace gramian
