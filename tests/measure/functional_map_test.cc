// Goal: a functional map is the minimum of its energy, and leads back to points. Method: the energy
// written plainly, both solvers, values of an independent NumPy implementation, layers whose
// correspondence is known.
#include "gramian/measure/functional_map.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stop_token>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gramian/base/blas.h"
#include "gramian/measure/functional_descriptors.h"
#include "gramian/measure/functional_similarity.h"
#include "gtest/gtest.h"
#include "tests/measure/waves.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;

constexpr double kEps = std::numeric_limits<double>::epsilon();

// A layer with all that a map needs.
struct Side {
  std::shared_ptr<const Representation> layer;
  std::shared_ptr<const NeighborGraph> graph;
  std::shared_ptr<const LaplacianEigenbasis> basis;

  Side(const Matrix& x, Index k, int64_t neighbors)
      : layer(testing::AsFloat64(x)),
        graph(NeighborGraph::Compute({}, *layer,
                                     {GraphMetric::kAngular, EdgeWeight::kGaussian, neighbors})
                  .value()),
        basis(LaplacianEigenbasis::Compute({}, *graph, k).value()) {}
  Matrix Geodesics(const std::vector<int64_t>& anchors) const {
    return DescribeLayer({}, {layer.get(), graph.get(), basis.get(), anchors, {}},
                         std::vector<DescriptorKind>{DescriptorKind::kGeodesic}, {})
        .value();
  }
};

class FunctionalMapTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  const Matrix x_ = testing::WaveActivations(90);
  const std::vector<int64_t> anchors_ = {3, 20, 41, 77};
};

double NaiveEnergy(const Side& a, const Side& b, const Matrix& f, const Matrix& g,
                   const MapWeights& weights, const Matrix& c) {
  const Matrix& phi = a.basis->modes();
  const Matrix& psi = b.basis->modes();
  double energy =
      weights.descriptor * (c * phi * f.transpose() - psi * g.transpose()).squaredNorm();
  double total = 0.0;
  double sum = 0.0;
  for (Index i = 0; i < c.rows(); ++i) {
    for (Index j = 0; j < c.cols(); ++j) {
      const double squared = std::pow(a.basis->values()[j] - b.basis->values()[i], 2);
      total += squared;
      sum += squared * c(i, j) * c(i, j);
    }
  }
  energy += weights.laplacian * sum / total;
  for (Index q = 0; q < f.rows(); ++q) {
    const Matrix s = phi * f.row(q).asDiagonal() * phi.transpose();
    const Matrix t = psi * g.row(q).asDiagonal() * psi.transpose();
    energy += weights.commutativity * (c * s - t * c).squaredNorm();
  }
  return 0.5 * energy;
}

TEST_F(FunctionalMapTest, ItIsTheMinimumByEverySolver) {
  const Side a(x_, 15, 10);
  const Side b(testing::WaveRelated(x_), 12, 10);
  const Matrix f = a.Geodesics(anchors_);
  const Matrix g = b.Geodesics(anchors_);
  for (const MapWeights& weights :
       {MapWeights{}, MapWeights{0.1, 1.0e-3, 1.0}, MapWeights{1.0, 1.0e-2, 0.0}}) {
    const FittedMap direct =
        FitFunctionalMap({}, *a.basis, *b.basis, f, g, weights, MapSolver::kDirect).value();
    const FittedMap iterative =
        FitFunctionalMap({}, *a.basis, *b.basis, f, g, weights, MapSolver::kIterative).value();
    EXPECT_EQ(direct.iterations, 0);
    EXPECT_GT(iterative.iterations, 10);
    EXPECT_EQ(direct.map.rows(), 12);
    EXPECT_EQ(direct.map.cols(), 15);
    EXPECT_EQ(direct.map.col(0), Vector(Vector::Unit(12, 0)));
    const double energy = NaiveEnergy(a, b, f, g, weights, direct.map);
    EXPECT_NEAR(direct.energy, energy, 64.0 * kEps * g.squaredNorm());
    EXPECT_NEAR(iterative.energy, energy, 1.0e-12 * g.squaredNorm());
    // Residuals of 1e-11 times the condition of the equations, 7e5.
    EXPECT_LE((direct.map - iterative.map).cwiseAbs().maxCoeff(), 7.0e-6);
    // Of a quadratic the central difference is its derivative.
    for (uint64_t seed = 0; seed < 5; ++seed) {
      Matrix step = testing::RandomNormal(12, 15, seed);
      step.col(0).setZero();
      const double ahead = NaiveEnergy(a, b, f, g, weights, direct.map + step);
      const double behind = NaiveEnergy(a, b, f, g, weights, direct.map - step);
      EXPECT_GT(ahead, energy);
      EXPECT_NEAR(ahead, behind, 1024.0 * kEps * ahead);
    }
  }
}

TEST_F(FunctionalMapTest, ItIsThatOfAnotherImplementation) {
  const Side a(x_, 15, 10);
  const Side b(testing::WaveRelated(x_), 15, 10);
  const FittedMap fitted = FitFunctionalMap({}, *a.basis, *b.basis, a.Geodesics(anchors_),
                                            b.Geodesics(anchors_), {}, MapSolver::kAuto)
                               .value();
  EXPECT_NEAR(fitted.energy, 0.018525893847016625, 1.0e-12);
  // The conditions of the equations are 7e5.
  EXPECT_NEAR(fitted.map(1, 1), -0.1982145775696873, 1.0e-8);
  EXPECT_NEAR(fitted.map(4, 2), -0.47361364915823884, 1.0e-8);
  EXPECT_NEAR(fitted.map(14, 14), 0.011038510561629146, 1.0e-8);
  const Matrix refined = ZoomOut({}, fitted.map, *a.basis, *b.basis, 5).value();
  const FunctionalScores scores = ScoreFunctionalMap(refined, a.basis->values(), b.basis->values());
  EXPECT_NEAR(scores.official, 0.7605273246578959, 1.0e-9);
  EXPECT_NEAR(scores.corrected, 0.7884725456448625, 1.0e-9);
  EXPECT_NEAR(scores.overlap, 0.7357213716140063, 1.0e-9);
}

TEST_F(FunctionalMapTest, EqualDescriptorsOfALayerMapItToItself) {
  const Side a(x_, 15, 10);
  const Matrix f = a.Geodesics(anchors_);
  const FittedMap fitted =
      FitFunctionalMap({}, *a.basis, *a.basis, f, f, {}, MapSolver::kDirect).value();
  EXPECT_LE((fitted.map - Matrix::Identity(15, 15)).cwiseAbs().maxCoeff(), 1.0e-10);
  const auto matches = PointMapOf({}, fitted.map, *a.basis, *a.basis).value();
  std::vector<int32_t> identity(90);
  std::iota(identity.begin(), identity.end(), 0);
  EXPECT_EQ(matches, identity);
}

TEST_F(FunctionalMapTest, APermutedCopyIsUnscrambled) {
  const Side a(x_, 20, 10);
  Matrix permuted(90, 6);
  std::vector<int32_t> truth;
  for (Index i = 0; i < 90; ++i) {
    truth.push_back(static_cast<int32_t>(i * 37 % 90));
    permuted.row(i) = x_.row(truth.back());
  }
  const Side b(permuted, 20, 10);
  const Matrix map = KnownFunctionalMap({}, *a.basis, *b.basis, truth).value();
  EXPECT_LE((map.transpose() * map - Matrix::Identity(20, 20)).norm(), 1.0e-9);
  EXPECT_EQ(PointMapOf({}, map, *a.basis, *b.basis).value(), truth);
  // From four anchors alone.
  std::vector<int64_t> b_anchors;
  for (const int64_t anchor : anchors_) {
    b_anchors.push_back(std::find(truth.begin(), truth.end(), anchor) - truth.begin());
  }
  const FittedMap fitted = FitFunctionalMap({}, *a.basis, *b.basis, a.Geodesics(anchors_),
                                            b.Geodesics(b_anchors), {}, MapSolver::kAuto)
                               .value();
  EXPECT_EQ(PointMapOf({}, fitted.map, *a.basis, *b.basis).value(), truth);
}

// A rotated and noisy copy: ZoomOut finds more of the points than the fit alone.
TEST_F(FunctionalMapTest, RefinementFindsMorePoints) {
  const Matrix x = testing::SurfaceActivations(500, 16, 1);
  const Matrix y =
      2.0 * x * testing::RandomOrthogonal(16, 5) + 0.05 * testing::RandomNormal(500, 16, 6);
  const Side a(x, 30, 30);
  const Side b(y, 30, 30);
  const std::vector<int64_t> anchors = {1, 60, 120, 180, 240, 300, 360, 420};
  const FittedMap fitted = FitFunctionalMap({}, *a.basis, *b.basis, a.Geodesics(anchors),
                                            b.Geodesics(anchors), {}, MapSolver::kAuto)
                               .value();
  const auto found = [&](const Matrix& map) {
    const auto matches = PointMapOf({}, map, *a.basis, *b.basis).value();
    int count = 0;
    for (size_t i = 0; i < matches.size(); ++i) count += matches[i] == static_cast<int>(i) ? 1 : 0;
    return count;
  };
  const Matrix refined = ZoomOut({}, fitted.map, *a.basis, *b.basis, 10).value();
  EXPECT_EQ(refined.rows(), 30);
  EXPECT_GT(found(refined), found(fitted.map));
  EXPECT_GT(found(refined), 300);
}

TEST_F(FunctionalMapTest, WhatCannotBeFittedIsRefused) {
  const Side a(x_, 12, 10);
  const Matrix f = a.Geodesics(anchors_);
  const auto fit = [&](const Matrix& some, const ComputeContext& context) {
    return FitFunctionalMap(context, *a.basis, *a.basis, some, f, {}, MapSolver::kAuto).status();
  };
  EXPECT_THAT(fit(f.topRows(3), {}).message(), HasSubstr("not 3 and 4"));
  EXPECT_EQ(fit(Matrix(0, 90), {}).code(), absl::StatusCode::kInvalidArgument);
  ComputeContext small;
  small.scratch_limit_bytes = 4000;
  EXPECT_EQ(fit(f, small).code(), absl::StatusCode::kResourceExhausted);
  std::stop_source source;
  source.request_stop();
  ComputeContext stopped;
  stopped.stop = source.get_token();
  EXPECT_EQ(fit(f, stopped).code(), absl::StatusCode::kCancelled);
  const Matrix map = Matrix::Identity(12, 12);
  EXPECT_TRUE(ZoomOut({}, map, *a.basis, *a.basis, 10).ok());
  EXPECT_EQ(ZoomOut({}, map, *a.basis, *a.basis, 0).value(), map);
  for (const int64_t steps : {-1, 11}) {
    EXPECT_THAT(ZoomOut({}, map, *a.basis, *a.basis, steps).status().message(),
                HasSubstr("must be from 0 to 10"));
  }
}

}  // namespace
}  // namespace gramian
