// Goal: the affine-invariant distance and the geometry of its space are the definitions. Method:
// roots, powers and logarithms of whole matrices, projections by search, means by steps of their
// own; matrices that commute, where the space is flat; what is degenerate.
#include "gramian/measure/affine_geometry.h"

#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <stop_token>
#include <string>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/scored_points.h"
#include "tests/testing/plain_affine.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::Compare;
using testing::PlaceLayers;
using testing::PlainAffineSpace;
using testing::RandomActivations;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr Index kRows = 24;
// Matrices have a condition of some 1e3, and roots of them are taken.
constexpr double kTolerance = 1.0e6 * kEps;

struct AffineCase {
  const char* name;
  const char* measure;
  PlainAffineSpace plain;
};

class AffineGeometryTest : public ::testing::TestWithParam<AffineCase> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(InitializeBlas().ok());
    layers_ = {RandomActivations(kRows, 8, 1)};
    for (uint64_t seed = 2; seed < 6; ++seed) {
      layers_.push_back(RandomRelated(layers_.back(), 6, 0.8, seed));
    }
    for (Matrix& layer : layers_) layer /= layer.norm() / 8.0;
    Place();
  }
  void Place() {
    std::vector<std::shared_ptr<const Representation>> representations;
    plain_.clear();
    for (const Matrix& layer : layers_) {
      plain_.push_back(space().Point(layer));
      representations.push_back(AsFloat64(layer));
    }
    points_ = PlaceLayers(GetParam().measure, representations);
  }

  static const PlainAffineSpace& space() { return GetParam().plain; }
  const Matrix& plain(Index i) const { return plain_[static_cast<size_t>(i)]; }

  std::vector<Matrix> layers_;
  std::vector<Matrix> plain_;
  std::unique_ptr<const PathGeometry> points_;
};

TEST_P(AffineGeometryTest, EveryNumberIsThatOfTheMatrices) {
  for (Index a = 0; a < 5; ++a) {
    for (Index b = 0; b < 5; ++b) {
      const double distance = a == b ? 0.0 : space().Distance(plain(a), plain(b));
      EXPECT_NEAR(points_->Distance(a, b)->value, distance, kTolerance * (1.0 + distance));
      for (Index c = 0; c < 5; ++c) {
        if (a == b || b == c || a == c) continue;
        EXPECT_NEAR(points_->Angle(a, b, c)->value, space().Angle(plain(a), plain(b), plain(c)),
                    kTolerance);
        const Matrix middle = space().Geodesic(plain(a), plain(c), 0.5);
        const double to_middle = space().Distance(plain(b), middle);
        EXPECT_NEAR(points_->ToGeodesic(b, a, c, 0.5)->value, to_middle,
                    kTolerance * (1.0 + to_middle));
        // No space of positive curvature.
        EXPECT_LE(points_->AlexandrovCurvature(a, b, c)->value, kTolerance);
      }
    }
  }
}

TEST_P(AffineGeometryTest, ProjectionsAreTheNearestPlaces) {
  for (Index b = 1; b < 4; ++b) {
    const absl::StatusOr<Projection> ours = points_->Project(b, 0, 4);
    ASSERT_TRUE(ours.ok()) << ours.status();
    ASSERT_EQ(ours->status, ScoreStatus::kOk);
    const auto at = [&](double s) {
      return space().Distance(plain(b), space().Geodesic(plain(0), plain(4), s));
    };
    double low = 0.0;
    double high = 1.0;
    while (high - low > 1.0e-7) {
      const double third = (high - low) / 3.0;
      if (at(low + third) < at(high - third)) {
        high -= third;
      } else {
        low += third;
      }
    }
    EXPECT_NEAR(ours->fraction, 0.5 * (low + high), 1.0e-5);
    EXPECT_NEAR(ours->distance, at(0.5 * (low + high)), kTolerance * (1.0 + ours->distance));
  }
}

TEST_P(AffineGeometryTest, TheMeanBalancesTheLogarithms) {
  std::vector<Index> all(layers_.size());
  std::iota(all.begin(), all.end(), 0);
  const absl::StatusOr<TangentAnalysis> ours = points_->Tangents(all, 5);
  ASSERT_TRUE(ours.ok()) << ours.status();
  ASSERT_EQ(ours->status, ScoreStatus::kOk);
  Matrix mean = plain(2);
  for (int iteration = 0; iteration < 400; ++iteration) {
    Matrix step = Matrix::Zero(mean.rows(), mean.cols());
    for (const Matrix& point : plain_) step += 0.1 * space().Log(mean, point);
    mean = space().Exp(mean, step);
  }
  double variance = 0.0;
  for (size_t i = 0; i < plain_.size(); ++i) {
    const double distance = space().Distance(mean, plain_[i]);
    EXPECT_NEAR(ours->distances[static_cast<Index>(i)], distance, 1.0e-7 * (1.0 + distance));
    variance += distance * distance / static_cast<double>(plain_.size());
  }
  EXPECT_NEAR(ours->variance, variance, 1.0e-7 * variance);
  EXPECT_NEAR(ours->shares.sum(), 1.0, 256.0 * kEps);
  EXPECT_LE(ours->coordinates.colwise().sum().norm(), 1.0e-7 * std::sqrt(variance));
}

TEST_P(AffineGeometryTest, WhatIsNotDefinedHasAStatus) {
  layers_[1] = layers_[0];
  layers_[2] = Matrix::Ones(kRows, 8);
  Place();
  const ScoreStatus degenerate = points_->Distance(0, 2)->status;
  EXPECT_NE(degenerate, ScoreStatus::kOk);
  EXPECT_EQ(points_->Angle(0, 1, 3)->status, ScoreStatus::kCoincidingPoints);
  EXPECT_EQ(points_->Project(3, 0, 1)->status, ScoreStatus::kCoincidingPoints);
  EXPECT_EQ(points_->Angle(0, 2, 3)->status, degenerate);
  EXPECT_EQ(points_->Project(2, 0, 3)->status, degenerate);
  EXPECT_EQ(points_->AlexandrovCurvature(0, 2, 3)->status, degenerate);
  EXPECT_EQ(points_->Tangents({0, 2}, 1)->status, degenerate);
  EXPECT_EQ(points_->Tangents({0, 3}, 1)->status, ScoreStatus::kOk);
}

TEST_P(AffineGeometryTest, StopsWhenAsked) {
  std::stop_source stop;
  ComputeContext context;
  context.stop = stop.get_token();
  std::vector<std::shared_ptr<const Representation>> representations;
  for (const Matrix& layer : layers_) representations.push_back(AsFloat64(layer));
  const auto points = PlaceLayers(GetParam().measure, representations, context);
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(points->Angle(0, 1, 2).status()));
  EXPECT_TRUE(absl::IsCancelled(points->Project(1, 0, 4).status()));
  EXPECT_TRUE(absl::IsCancelled(points->Tangents({0, 1}, 1).status()));
}

INSTANTIATE_TEST_SUITE_P(
    All, AffineGeometryTest,
    ::testing::Values(AffineCase{"Linear", "airm", {false, {}, 0.1, 0}},
                      AffineCase{"Rbf",
                                 "airm-kernel=rbf-ridge=0.05",
                                 {false, {KernelKind::kRbf, BandwidthRule::kMedian, 1.0}, 0.05, 0}},
                      AffineCase{
                          "Covariance", "airm-of=covariance-ridge=0.05", {true, {}, 0.05, 8}}),
    [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace gramian
