// Goal: the report of a path says what its points do. Method: paths whose shape is known.
#include "gramian/measure/path_analysis.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace gramian {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kEps = std::numeric_limits<double>::epsilon();

// Points of a Euclidean space, or, given unit vectors, of the sphere.
ScoredGeometry Place(const Matrix& x, bool on_sphere) {
  std::vector<Score> scores;
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index j = 0; j < x.rows(); ++j) {
      const double value = on_sphere ? x.row(i).dot(x.row(j)) : (x.row(i) - x.row(j)).norm();
      scores.push_back({ScoreStatus::kOk, value, Form::kAuto});
    }
  }
  const ScoreSpace space = on_sphere ? ScoreSpace::kCosine : ScoreSpace::kDistance;
  return {ComputeContext(), PointSet::Create(space, x.rows(), scores).value()};
}

std::vector<Index> All(const PathGeometry& points) {
  std::vector<Index> path(static_cast<size_t>(points.size()));
  std::iota(path.begin(), path.end(), 0);
  return path;
}

TEST(PathAnalysisTest, AGreatCircleIsStraight) {
  Matrix x(4, 2);
  x.col(0) = Eigen::Array4d(0.0, 0.3, 0.6, 0.9).cos();
  x.col(1) = Eigen::Array4d(0.0, 0.3, 0.6, 0.9).sin();
  const ScoredGeometry points = Place(x, true);
  const PathAnalysis path =
      AnalyzePath(points, All(points), std::vector<double>{1.0 / 3.0}).value();
  const double tolerance = 64.0 * std::sqrt(kEps);  // angles near pi
  EXPECT_NEAR(path.length.value, 0.9, 64.0 * kEps);
  EXPECT_NEAR(path.geodesic.value, 0.9, 64.0 * kEps);
  EXPECT_NEAR(path.slack.value, 1.0, 256.0 * kEps);
  ASSERT_EQ(path.segments.size(), 3U);
  ASSERT_EQ(path.angles.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(path.angles[i].value, kPi, tolerance);
    EXPECT_NEAR(path.target_angles[i].value, 0.0, tolerance);
    EXPECT_NEAR(path.curvatures[i].value, 0.0, tolerance);
    EXPECT_NEAR(path.projections[i].fraction, (static_cast<double>(i) + 1.0) / 3.0, 256.0 * kEps);
    EXPECT_NEAR(path.projections[i].distance, 0.0, tolerance);
  }
  ASSERT_EQ(path.geodesic_distances.size(), 1U);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(path.geodesic_distances[0][i].value, std::abs(0.3 * static_cast<double>(i) - 0.3),
                tolerance);
  }
}

TEST(PathAnalysisTest, ADetourInThePlane) {
  // (0,0) -> (0,1) -> (2,1) -> (2,0): length 4 where 2 would do.
  Matrix x(4, 2);
  x << 0, 0, 0, 1, 2, 1, 2, 0;
  const ScoredGeometry points = Place(x, false);
  const PathAnalysis path = AnalyzePath(points, All(points), {}).value();
  EXPECT_NEAR(path.length.value, 4.0, 8.0 * kEps);
  EXPECT_NEAR(path.slack.value, 2.0, 8.0 * kEps);
  EXPECT_NEAR(path.angles[0].value, 0.5 * kPi, 8.0 * kEps);
  EXPECT_NEAR(path.angles[1].value, 0.5 * kPi, 8.0 * kEps);
  EXPECT_NEAR(path.target_angles[0].value, 0.5 * kPi, 8.0 * kEps);
  EXPECT_NEAR(path.target_angles[1].value, std::atan2(1.0, 2.0), 8.0 * kEps);
  EXPECT_NEAR(path.projections[0].fraction, 0.0, 8.0 * kEps);
  EXPECT_NEAR(path.projections[1].fraction, 1.0, 8.0 * kEps);
  EXPECT_NEAR(path.projections[1].distance, 1.0, 8.0 * kEps);
  EXPECT_EQ(path.curvatures[0].value, 0.0);
}

TEST(PathAnalysisTest, TwoPointsAreTheirOwnGeodesic) {
  Matrix x(2, 1);
  x << 0, 3;
  const ScoredGeometry points = Place(x, false);
  const PathAnalysis path = AnalyzePath(points, All(points), {}).value();
  EXPECT_EQ(path.slack.value, 1.0);
  EXPECT_TRUE(path.angles.empty());
  EXPECT_TRUE(path.target_angles.empty());
}

TEST(PathAnalysisTest, AClosedPathHasNoSlack) {
  Matrix x(3, 2);
  x << 0, 0, 1, 0, 0, 0;
  const ScoredGeometry points = Place(x, false);
  const PathAnalysis path = AnalyzePath(points, All(points), std::vector<double>{0.5}).value();
  EXPECT_EQ(path.length.value, 2.0);
  EXPECT_EQ(path.geodesic.value, 0.0);
  EXPECT_EQ(path.slack.status, ScoreStatus::kCoincidingPoints);
  EXPECT_EQ(path.projections[0].status, ScoreStatus::kCoincidingPoints);
  EXPECT_EQ(path.angles[0].status, ScoreStatus::kOk);
  EXPECT_EQ(path.angles[0].value, 0.0);
  EXPECT_EQ(path.geodesic_distances[0][1].value, 1.0);
}

TEST(PathAnalysisTest, OnePointWithoutScoresLeavesTheRest) {
  std::vector<Score> scores(16, Score{ScoreStatus::kOk, 0.5, Form::kAuto});
  for (size_t i = 0; i < 4; ++i)
    scores[4 + i].status = scores[4 * i + 1].status = ScoreStatus::kConstant;
  const ScoredGeometry points(ComputeContext(),
                              PointSet::Create(ScoreSpace::kCosine, 4, scores).value());
  const PathAnalysis path = AnalyzePath(points, All(points), {}).value();
  EXPECT_EQ(path.length.status, ScoreStatus::kConstant);
  EXPECT_EQ(path.slack.status, ScoreStatus::kConstant);
  EXPECT_EQ(path.geodesic.status, ScoreStatus::kOk);
  EXPECT_EQ(path.segments[2].status, ScoreStatus::kOk);
  EXPECT_EQ(path.projections[0].status, ScoreStatus::kConstant);
  EXPECT_EQ(path.projections[1].status, ScoreStatus::kOk);
}

}  // namespace
}  // namespace gramian
