// Goal: the geometry from scores alone is that of the points themselves. Method: closed forms
// against the definitions of plain_space.h with n x n matrices, and triangles whose geometry is
// known.
#include "gramian/measure/point_set.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/scored_points.h"
#include "tests/testing/plain_space.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::PlainSpace;
using testing::RandomActivations;
using testing::RandomRelated;

constexpr double kPi = 3.14159265358979323846;
constexpr double kEps = std::numeric_limits<double>::epsilon();
// Arcs and angles are arccos of a cosine with an error of some eps; those here stay 0.1 away from 0
// and pi.
constexpr double kTolerance = 65536.0 * kEps;

// A triangle of scores; the diagonal is the score of a layer with itself.
PointSet Triangle(ScoreSpace space, double ab, double bc, double ac) {
  const double self = space == ScoreSpace::kCosine ? 1.0 : 0.0;
  std::vector<Score> scores;
  for (const double value : {self, ab, ac, ab, self, bc, ac, bc, self}) {
    scores.push_back({ScoreStatus::kOk, value, Form::kAuto});
  }
  return PointSet::Create(space, 3, scores).value();
}

struct SpaceCase {
  const char* name;
  const char* measure;
  PlainSpace plain;
};

class PointSetTest : public ::testing::TestWithParam<SpaceCase> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(InitializeBlas().ok());
    std::vector<Matrix> layers = {RandomActivations(40, 9, 1)};
    for (uint64_t seed = 2; seed < 6; ++seed) {
      layers.push_back(RandomRelated(layers.back(), 7, 0.8, seed));
    }
    std::vector<std::shared_ptr<const Representation>> representations;
    for (const Matrix& layer : layers) {
      plain_.push_back(space().Point(layer));
      representations.push_back(AsFloat64(layer));
    }
    points_ = testing::ScorePoints(GetParam().measure, representations);
  }

  const PlainSpace& space() const { return GetParam().plain; }
  // Calls check(a, b, c) for all triples of different points.
  template <typename Check>
  void ForEachTriple(const Check& check) {
    for (Index a = 0; a < 5; ++a) {
      for (Index b = 0; b < 5; ++b) {
        for (Index c = 0; c < 5; ++c) {
          if (a != b && b != c && a != c) check(a, b, c);
        }
      }
    }
  }
  const Matrix& plain(Index i) const { return plain_[static_cast<size_t>(i)]; }

  std::vector<Matrix> plain_;
  absl::StatusOr<PointSet> points_ = absl::UnknownError("not made");
};

TEST_P(PointSetTest, DistancesAreThoseOfThePoints) {
  for (Index a = 0; a < 5; ++a) {
    for (Index b = 0; b < 5; ++b) {
      const PathValue distance = points_->Distance(a, b);
      EXPECT_EQ(distance.status, ScoreStatus::kOk);
      EXPECT_NEAR(distance.value, space().Distance(plain(a), plain(b)), kTolerance);
    }
    EXPECT_EQ(points_->Distance(a, a).value, 0.0);
  }
}

TEST_P(PointSetTest, AnglesAreThoseOfTheLogarithms) {
  ForEachTriple([&](Index a, Index b, Index c) {
    EXPECT_NEAR(points_->Angle(a, b, c).value, space().Angle(plain(a), plain(b), plain(c)),
                kTolerance);
  });
}

TEST_P(PointSetTest, ProjectionsAreWhereTheSearchEnds) {
  ForEachTriple([&](Index a, Index b, Index c) {
    const Projection projection = points_->Project(b, a, c);
    ASSERT_EQ(projection.status, ScoreStatus::kOk);
    const double found = space().ProjectBySearch(plain(b), plain(a), plain(c));
    // Where the distance is least it is flat: a search that compares distances sees eps as its
    // root.
    EXPECT_NEAR(projection.fraction, found, 64.0 * std::sqrt(kEps));
    EXPECT_NEAR(projection.distance,
                space().Distance(plain(b), space().Geodesic(plain(a), plain(c), found)),
                kTolerance);
    const Matrix foot =
        space().Exp(plain(a), projection.line_fraction * space().Log(plain(a), plain(c)));
    EXPECT_NEAR(projection.line_distance, space().Distance(plain(b), foot), kTolerance);
    // The foot sees b and the line at a right angle.
    if (projection.line_fraction > 0.01 && projection.line_distance > 0.01) {
      EXPECT_NEAR(space().Angle(plain(b), foot, plain(a)), 0.5 * kPi, kTolerance);
    }
  });
}

TEST_P(PointSetTest, GeodesicPointsAreThoseOfTheMatrices) {
  ForEachTriple([&](Index a, Index b, Index c) {
    for (const double s : {0.0, 0.25, 0.5, 1.0}) {
      EXPECT_NEAR(points_->ToGeodesic(b, a, c, s).value,
                  space().Distance(plain(b), space().Geodesic(plain(a), plain(c), s)), kTolerance);
    }
    const double length = points_->Distance(a, c).value;
    EXPECT_NEAR(points_->ToGeodesic(a, a, c, 0.25).value, 0.25 * length, kTolerance);
    EXPECT_NEAR(points_->ToGeodesic(c, a, c, 0.25).value, 0.75 * length, kTolerance);
  });
}

TEST_P(PointSetTest, CurvatureIsThatOfTheMedian) {
  ForEachTriple([&](Index a, Index b, Index c) {
    EXPECT_NEAR(points_->AlexandrovCurvature(a, b, c).value,
                space().Curvature(plain(a), plain(b), plain(c)), kTolerance);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Spaces, PointSetTest,
    ::testing::Values(SpaceCase{"AngularCka", "cka", {true, {}, false, false}},
                      SpaceCase{"FromAngles", "cka-distance=angular", {true, {}, false, false}},
                      SpaceCase{"Lange", "cka-hsic=lange", {true, {}, true, false}},
                      SpaceCase{"Rbf",
                                "cka-kernel=rbf-bandwidth=median:1-hsic=lange",
                                {true, {KernelKind::kRbf}, true, false}},
                      SpaceCase{"Stress", "stress", {false, {}, false, false}},
                      SpaceCase{"Rescaled", "stress-rescale=median", {false, {}, false, true}},
                      SpaceCase{"StressLaplacian",
                                "stress-kernel=laplacian-bandwidth=median:1",
                                {false, {KernelKind::kLaplacian}, false, false}}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(PointSetTriangleTest, AnOctantOfTheSphereHasThreeRightAngles) {
  const PointSet octant = Triangle(ScoreSpace::kCosine, 0.0, 0.0, 0.0);
  EXPECT_NEAR(octant.Angle(0, 1, 2).value, 0.5 * kPi, 4.0 * kEps);
  EXPECT_NEAR(octant.Distance(0, 2).value, 0.5 * kPi, 4.0 * kEps);
  EXPECT_NEAR(octant.ToGeodesic(0, 0, 2, 0.5).value, 0.25 * kPi, 4.0 * kEps);
  // The middle of the opposite side is as far as its ends, the Euclidean median shorter.
  EXPECT_NEAR(octant.AlexandrovCurvature(0, 1, 2).value, 0.5 * kPi * (1.0 - std::sqrt(0.75)),
              8.0 * kEps);
  // The third corner is the pole of the side: no point of it is nearer than another.
  EXPECT_EQ(octant.Project(1, 0, 2).status, ScoreStatus::kEquidistant);
}

TEST(PointSetTriangleTest, ARightTriangleOfThePlane) {
  const PointSet plane = Triangle(ScoreSpace::kDistance, 3.0, 4.0, 5.0);
  EXPECT_NEAR(plane.Angle(0, 1, 2).value, 0.5 * kPi, 4.0 * kEps);
  const Projection foot = plane.Project(1, 0, 2);
  EXPECT_NEAR(foot.fraction, 9.0 / 25.0, 4.0 * kEps);
  EXPECT_NEAR(foot.distance, 12.0 / 5.0, 16.0 * kEps);
  EXPECT_NEAR(plane.ToGeodesic(1, 0, 2, 0.5).value, 2.5, 8.0 * kEps);
  EXPECT_EQ(plane.AlexandrovCurvature(0, 1, 2).value, 0.0);
}

TEST(PointSetTriangleTest, BesideItsEndsTheGeodesicIsNearestAtAnEnd) {
  const PointSet plane = Triangle(ScoreSpace::kDistance, 3.0, 1.0, 2.0);
  const Projection beyond = plane.Project(1, 0, 2);
  EXPECT_EQ(beyond.fraction, 1.0);
  EXPECT_NEAR(beyond.distance, 1.0, 4.0 * kEps);
  EXPECT_NEAR(beyond.line_fraction, 1.5, 4.0 * kEps);
  EXPECT_NEAR(beyond.line_distance, 0.0, 4.0 * std::sqrt(kEps));
  const PointSet sphere = Triangle(ScoreSpace::kAngle, 0.4, 1.4, 1.0);
  const Projection behind = sphere.Project(1, 0, 2);
  EXPECT_EQ(behind.fraction, 0.0);
  EXPECT_NEAR(behind.distance, 0.4, 16.0 * kEps);
  EXPECT_NEAR(behind.line_fraction, -0.4, 16.0 * kEps);
}

TEST(PointSetTriangleTest, BehindBothEndsTheNearerOneIsTaken) {
  // a at 0, c at 1, b at 3.5 radians of one great circle: nearer to c by the short way round.
  const PointSet circle =
      Triangle(ScoreSpace::kCosine, std::cos(3.5), std::cos(2.5), std::cos(1.0));
  const Projection projection = circle.Project(1, 0, 2);
  EXPECT_EQ(projection.fraction, 1.0);
  EXPECT_NEAR(projection.distance, 2.5, 16.0 * kEps);
}

TEST(PointSetTriangleTest, CoincidingPointsHaveNoDirection) {
  for (const ScoreSpace space : {ScoreSpace::kCosine, ScoreSpace::kDistance}) {
    const double zero = space == ScoreSpace::kCosine ? 1.0 : 0.0;
    // a = b; c elsewhere.
    const PointSet points = Triangle(space, zero, 0.5, 0.5);
    EXPECT_EQ(points.Distance(0, 1).status, ScoreStatus::kOk);
    EXPECT_EQ(points.Distance(0, 1).value, 0.0);
    EXPECT_EQ(points.Angle(0, 1, 2).status, ScoreStatus::kCoincidingPoints);
    EXPECT_EQ(points.Angle(1, 0, 2).status, ScoreStatus::kCoincidingPoints);
    EXPECT_EQ(points.Angle(0, 2, 1).status, ScoreStatus::kOk);
    EXPECT_NEAR(points.Angle(0, 2, 1).value, 0.0, 4.0 * std::sqrt(kEps));
    EXPECT_EQ(points.Project(2, 0, 1).status, ScoreStatus::kCoincidingPoints);
    EXPECT_EQ(points.Project(1, 0, 2).fraction, 0.0);
    EXPECT_NEAR(points.ToGeodesic(2, 0, 1, 0.5).value, points.Distance(0, 2).value, 4.0 * kEps);
    EXPECT_EQ(points.AlexandrovCurvature(0, 2, 1).status, ScoreStatus::kOk);
    // All in one place.
    const PointSet place = Triangle(space, zero, zero, zero);
    EXPECT_EQ(place.Angle(0, 1, 2).status, ScoreStatus::kCoincidingPoints);
    EXPECT_EQ(place.ToGeodesic(0, 1, 2, 0.5).value, 0.0);
    EXPECT_EQ(place.AlexandrovCurvature(0, 1, 2).value, 0.0);
  }
}

TEST(PointSetTriangleTest, AntipodalPointsHaveNoGeodesic) {
  // a and c opposite, b in between.
  const PointSet points = Triangle(ScoreSpace::kCosine, 0.6, -0.6, -1.0);
  EXPECT_NEAR(points.Distance(0, 2).value, kPi, 4.0 * kEps);
  EXPECT_EQ(points.Project(1, 0, 2).status, ScoreStatus::kAntipodalPoints);
  EXPECT_EQ(points.ToGeodesic(1, 0, 2, 0.5).status, ScoreStatus::kAntipodalPoints);
  EXPECT_EQ(points.AlexandrovCurvature(0, 1, 2).status, ScoreStatus::kAntipodalPoints);
  EXPECT_EQ(points.Angle(0, 2, 1).status, ScoreStatus::kAntipodalPoints);
  // Every way from a to c through b is straight.
  EXPECT_NEAR(points.Angle(0, 1, 2).value, kPi, 4.0 * std::sqrt(kEps));
}

TEST(PointSetTriangleTest, APointWithoutScoresTakesOnlyItsOwnAway) {
  std::vector<Score> scores(9, Score{ScoreStatus::kOk, 0.5, Form::kAuto});
  for (const size_t i : {2U, 5U, 6U, 7U, 8U}) scores[i] = {ScoreStatus::kConstant, 0.0};
  const PointSet points = PointSet::Create(ScoreSpace::kCosine, 3, scores).value();
  EXPECT_EQ(points.Distance(0, 1).status, ScoreStatus::kOk);
  EXPECT_EQ(points.Distance(0, 2).status, ScoreStatus::kConstant);
  EXPECT_EQ(points.Distance(2, 2).status, ScoreStatus::kConstant);
  EXPECT_EQ(points.Angle(0, 1, 2).status, ScoreStatus::kConstant);
  EXPECT_EQ(points.Project(2, 0, 1).status, ScoreStatus::kConstant);
  EXPECT_EQ(points.ToGeodesic(2, 0, 1, 0.5).status, ScoreStatus::kConstant);
  EXPECT_EQ(points.AlexandrovCurvature(0, 2, 1).status, ScoreStatus::kConstant);
}

TEST(PointSetTriangleTest, OtherScoresPlaceNothing) {
  const std::vector<Score> scores(1);
  EXPECT_EQ(PointSet::Create(ScoreSpace::kNone, 1, scores).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gramian
