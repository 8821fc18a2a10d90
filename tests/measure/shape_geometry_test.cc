// Goal: angles, projections, geodesics and means of shapes are those of their space. Method: the
// iterative definitions with padded n x p matrices: angles as the limit of short triangles,
// projections by search, means by steps of their own; points whose geometry is known.
#include "gramian/measure/shape_geometry.h"

#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <stop_token>
#include <string>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/scored_points.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::PlaceLayers;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomOrthogonal;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr Index kRows = 30;
constexpr Index kWidth = 9;
// Sides of a triangle so short that it is flat, of the distances of its corners.
constexpr double kShort = 1.0e-5;

struct Triple {
  Index a;
  Index b;
  Index c;
};

// Shapes written plainly: pre-shapes of kWidth features, geodesics from one to another that is
// turned onto it.
struct PlainShapes {
  bool angular;

  Matrix Point(const Matrix& x) const {
    Matrix point = Matrix::Zero(x.rows(), kWidth);
    point.leftCols(x.cols()) = x.rowwise() - x.colwise().mean();
    return angular ? Matrix(point / point.norm()) : point;
  }
  static Matrix Turned(const Matrix& b, const Matrix& a) {
    const Eigen::JacobiSVD<Matrix> svd(b.transpose() * a,
                                       Eigen::ComputeFullU | Eigen::ComputeFullV);
    return b * svd.matrixU() * svd.matrixV().transpose();
  }
  double Distance(const Matrix& a, const Matrix& b) const {
    const Matrix turned = Turned(b, a);
    if (!angular) return (a - turned).norm();
    return 2.0 * std::atan2((a - turned).norm(), (a + turned).norm());
  }
  Matrix Geodesic(const Matrix& a, const Matrix& b, double s) const {
    const Matrix turned = Turned(b, a);
    if (!angular) return (1.0 - s) * a + s * turned;
    const double theta = Distance(a, b);
    return (std::sin((1.0 - s) * theta) * a + std::sin(s * theta) * turned) / std::sin(theta);
  }
  // The cosine that a Euclidean triangle has whose sides are those of a short one at b.
  double Angle(const Matrix& a, const Matrix& b, const Matrix& c) const {
    const double length = kShort * std::min(Distance(a, b), Distance(b, c));
    const double to_a = Distance(b, a);
    const double to_c = Distance(b, c);
    const double across = Distance(Geodesic(b, a, length / to_a), Geodesic(b, c, length / to_c));
    return 2.0 * std::asin(std::min(0.5 * across / length, 1.0));
  }
  // Of b on a -> c, by halving around the best of many places.
  double Project(const Matrix& b, const Matrix& a, const Matrix& c) const {
    constexpr int kPlaces = 200;
    const auto at = [&](double s) { return Distance(b, Geodesic(a, c, s)); };
    int best = 0;
    for (int i = 0; i <= kPlaces; ++i) {
      if (at(static_cast<double>(i) / kPlaces) < at(static_cast<double>(best) / kPlaces)) best = i;
    }
    double low = std::max(best - 1, 0) / static_cast<double>(kPlaces);
    double high = std::min(best + 1, kPlaces) / static_cast<double>(kPlaces);
    while (high - low > 1.0e-7) {
      const double third = (high - low) / 3.0;
      if (at(low + third) < at(high - third)) {
        high -= third;
      } else {
        low += third;
      }
    }
    return 0.5 * (low + high);
  }
};

struct ShapeCase {
  const char* name;
  const char* measure;
  bool angular;
};

class ShapeGeometryTest : public ::testing::TestWithParam<ShapeCase> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(InitializeBlas().ok());
    // A path that becomes narrower, and wider again at its end.
    layers_ = {RandomActivations(kRows, kWidth, 1)};
    uint64_t seed = 2;
    for (const Index width : {7, 5, 4, 8}) {
      layers_.push_back(RandomRelated(layers_.back(), width, 0.8, seed++));
    }
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

  static PlainShapes space() { return {GetParam().angular}; }
  const Matrix& plain(Index i) const { return plain_[static_cast<size_t>(i)]; }
  double Distance(Index a, Index b) const { return points_->Distance(a, b)->value; }

  std::vector<Matrix> layers_;
  std::vector<Matrix> plain_;
  std::unique_ptr<const PathGeometry> points_;
};

TEST_P(ShapeGeometryTest, DistancesAreOfTheTurnedPreShapes) {
  for (Index a = 0; a < points_->size(); ++a) {
    EXPECT_EQ(Distance(a, a), 0.0);
    for (Index b = 0; b < a; ++b) {
      const double expected = space().Distance(plain(a), plain(b));
      EXPECT_NEAR(Distance(a, b), expected, 4096.0 * kEps * expected);
    }
  }
}

// Points between that have at least as many dimensions as one of the ends, and (2, of 5) between
// two ends with more: there the distance turns what is free so that the angle is least.
TEST_P(ShapeGeometryTest, AnglesAreThoseOfShortTriangles) {
  for (const auto& [a, b, c] :
       {Triple{0, 1, 2}, Triple{1, 2, 3}, Triple{0, 2, 4}, Triple{2, 4, 0}, Triple{4, 0, 3}}) {
    const absl::StatusOr<PathValue> angle = points_->Angle(a, b, c);
    ASSERT_TRUE(angle.ok()) << angle.status();
    ASSERT_EQ(angle->status, ScoreStatus::kOk);
    // Of the order of the sides of the short triangle.
    EXPECT_NEAR(angle->value, space().Angle(plain(a), plain(b), plain(c)), 16.0 * kShort)
        << a << b << c;
    EXPECT_NEAR(points_->Angle(c, b, a)->value, angle->value, std::sqrt(kEps));
  }
}

TEST_P(ShapeGeometryTest, GeodesicsAreThoseOfTurnedPreShapes) {
  for (const auto& [b, a, c] :
       {Triple{1, 0, 4}, Triple{2, 0, 3}, Triple{0, 3, 4}, Triple{4, 3, 0}}) {
    for (const double fraction : {0.0, 0.2, 0.5, 0.9, 1.0}) {
      const double expected =
          space().Distance(plain(b), space().Geodesic(plain(a), plain(c), fraction));
      EXPECT_NEAR(points_->ToGeodesic(b, a, c, fraction)->value, expected,
                  65536.0 * kEps * (1.0 + expected));
    }
    // Along the geodesic itself, distances are fractions of its length.
    EXPECT_NEAR(points_->ToGeodesic(a, a, c, 0.25)->value, 0.25 * Distance(a, c),
                std::sqrt(kEps) * Distance(a, c));
    EXPECT_NEAR(points_->ToGeodesic(c, a, c, 0.25)->value, 0.75 * Distance(a, c),
                std::sqrt(kEps) * Distance(a, c));
  }
}

TEST_P(ShapeGeometryTest, ProjectionsAreTheNearestPlaces) {
  for (const auto& [b, a, c] :
       {Triple{1, 0, 4}, Triple{2, 0, 3}, Triple{0, 3, 4}, Triple{3, 1, 2}}) {
    const absl::StatusOr<Projection> ours = points_->Project(b, a, c);
    ASSERT_TRUE(ours.ok()) << ours.status();
    ASSERT_EQ(ours->status, ScoreStatus::kOk);
    const double fraction = space().Project(plain(b), plain(a), plain(c));
    EXPECT_NEAR(ours->fraction, fraction, 1.0e-6);
    const double distance =
        space().Distance(plain(b), space().Geodesic(plain(a), plain(c), fraction));
    EXPECT_LE(ours->distance, distance + 65536.0 * kEps * (1.0 + distance));
    // The search is that far from an end of the geodesic where that is nearest.
    EXPECT_NEAR(ours->distance, distance, 1.0e-7 * Distance(a, c));
    EXPECT_EQ(ours->line_fraction, ours->fraction);
  }
}

TEST_P(ShapeGeometryTest, TheMeanBalancesTheLogarithms) {
  std::vector<Index> all(layers_.size());
  std::iota(all.begin(), all.end(), 0);
  const absl::StatusOr<TangentAnalysis> ours = points_->Tangents(all, 5);
  ASSERT_TRUE(ours.ok()) << ours.status();
  ASSERT_EQ(ours->status, ScoreStatus::kOk);
  // Generalised Procrustes analysis, or its like on the sphere, from the first and widest layer.
  Matrix mean = plain(0);
  for (int iteration = 0; iteration < 2000; ++iteration) {
    Matrix step = Matrix::Zero(mean.rows(), mean.cols());
    for (const Matrix& point : plain_) {
      const Matrix turned = PlainShapes::Turned(point, mean);
      if (!GetParam().angular) {
        step += turned - mean;
        continue;
      }
      const Matrix w = turned - turned.cwiseProduct(mean).sum() * mean;
      step += space().Distance(point, mean) / w.norm() * w;
    }
    step /= static_cast<double>(plain_.size());
    mean += step;
    if (GetParam().angular) mean.normalize();
  }
  double variance = 0.0;
  for (size_t i = 0; i < plain_.size(); ++i) {
    const double distance = space().Distance(plain_[i], mean);
    EXPECT_NEAR(ours->distances[static_cast<Index>(i)], distance, 1.0e-7 * (1.0 + distance));
    variance += distance * distance / static_cast<double>(plain_.size());
  }
  EXPECT_NEAR(ours->variance, variance, 1.0e-7 * variance);
  EXPECT_NEAR(ours->shares.sum(), 1.0, 256.0 * kEps);
  // At the mean they are centred; coordinates are roots of differences of squares of the mean's
  // size.
  EXPECT_LE(ours->coordinates.colwise().sum().norm(), 64.0 * std::sqrt(kEps) * mean.norm());
}

TEST_P(ShapeGeometryTest, RotationsAndTranslationsChangeNothing) {
  const double angle = points_->Angle(0, 1, 2)->value;
  const double away = points_->Project(1, 0, 4)->distance;
  layers_[1] = (layers_[1] * RandomOrthogonal(layers_[1].cols(), 50)).rowwise() +
               RandomNormal(1, layers_[1].cols(), 51).row(0);
  Place();
  EXPECT_NEAR(points_->Angle(0, 1, 2)->value, angle, 65536.0 * kEps);
  EXPECT_NEAR(points_->Project(1, 0, 4)->distance, away, 65536.0 * kEps * (1.0 + away));
}

TEST_P(ShapeGeometryTest, WhatIsNotDefinedHasAStatus) {
  // Equal up to a rotation, and constant.
  layers_[1] = layers_[0] * RandomOrthogonal(kWidth, 60);
  layers_[2] = Matrix::Ones(kRows, 3);
  Place();
  EXPECT_EQ(points_->Angle(0, 1, 3)->status, ScoreStatus::kCoincidingPoints);
  EXPECT_EQ(points_->Project(3, 0, 1)->status, ScoreStatus::kCoincidingPoints);
  EXPECT_EQ(points_->Angle(0, 2, 3)->status, ScoreStatus::kConstant);
  EXPECT_EQ(points_->Project(2, 0, 3)->status, ScoreStatus::kConstant);
  EXPECT_EQ(points_->ToGeodesic(2, 0, 3, 0.5)->status, ScoreStatus::kConstant);
  EXPECT_EQ(points_->AlexandrovCurvature(0, 2, 3)->status, ScoreStatus::kConstant);
  EXPECT_EQ(points_->Tangents({0, 2}, 1)->status, ScoreStatus::kConstant);
  EXPECT_EQ(points_->Tangents({0, 3}, 1)->status, ScoreStatus::kOk);
}

// One direction, answered by inputs that the other does not answer: it may be turned either way.
TEST_P(ShapeGeometryTest, OrthogonalLayersHaveNoSingleGeodesic) {
  Matrix x = Matrix::Zero(kRows, 1);
  Matrix y = Matrix::Zero(kRows, 1);
  x(0, 0) = y(2, 0) = 1.0;
  x(1, 0) = y(3, 0) = -1.0;
  layers_ = {x, y, RandomNormal(kRows, 4, 70)};
  Place();
  EXPECT_EQ(points_->Distance(0, 1)->status, ScoreStatus::kOk);
  EXPECT_EQ(points_->Angle(1, 0, 2)->status, ScoreStatus::kAntipodalPoints);
  EXPECT_EQ(points_->Project(2, 0, 1)->status, ScoreStatus::kAntipodalPoints);
  EXPECT_EQ(points_->ToGeodesic(2, 0, 1, 0.5)->status, ScoreStatus::kAntipodalPoints);
  EXPECT_EQ(points_->ToGeodesic(2, 0, 1, 1.0)->status, ScoreStatus::kOk);
}

TEST_P(ShapeGeometryTest, StopsWhenAsked) {
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

INSTANTIATE_TEST_SUITE_P(All, ShapeGeometryTest,
                         ::testing::Values(ShapeCase{"Size", "procrustes", false},
                                           ShapeCase{"Angular", "procrustes-form=angular", true}),
                         [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace gramian
