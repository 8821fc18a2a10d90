// Goal: the mean is the Frechet mean and the directions are those of the logarithms. Method: points
// with a known mean, and the definitions with explicit vectors.
#include "gramian/measure/tangent_analysis.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <stop_token>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kEps = std::numeric_limits<double>::epsilon();

std::vector<Index> Count(Index size) {
  std::vector<Index> chosen(static_cast<size_t>(size));
  std::iota(chosen.begin(), chosen.end(), 0);
  return chosen;
}

PointSet FromSides(ScoreSpace space, const Matrix& sides) {
  std::vector<Score> scores;
  for (Index i = 0; i < sides.size(); ++i) {
    scores.push_back({ScoreStatus::kOk, sides.data()[i], Form::kAuto});
  }
  return PointSet::Create(space, sides.rows(), scores).value();
}

PointSet OnSphere(const Matrix& unit) {
  return FromSides(ScoreSpace::kCosine, unit * unit.transpose());
}

TangentAnalysis Analyze(const PointSet& points, Index directions = 99) {
  return AnalyzeTangents(ComputeContext(), points, Count(points.size()), directions).value();
}

class TangentAnalysisTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

// Unit vectors within about a radian of each other.
Matrix Cluster(Index count, Index dimensions, uint64_t seed) {
  Matrix x = 0.3 * testing::RandomNormal(count, dimensions, seed);
  x.col(0).array() += 1.0;
  return x.rowwise().normalized();
}

TEST_F(TangentAnalysisTest, TheMeanOfTwoPointsIsTheirMiddle) {
  Matrix x(2, 2);
  x << 1.0, 0.0, std::cos(1.2), std::sin(1.2);
  const TangentAnalysis result = Analyze(OnSphere(x));
  ASSERT_EQ(result.status, ScoreStatus::kOk);
  EXPECT_NEAR(result.distances[0], 0.6, 64.0 * kEps);
  EXPECT_NEAR(result.distances[1], 0.6, 64.0 * kEps);
  EXPECT_NEAR(result.variance, 0.36, 64.0 * kEps);
  EXPECT_NEAR(result.shares[0], 1.0, 64.0 * kEps);
  EXPECT_NEAR(std::abs(result.coordinates(0, 0) - result.coordinates(1, 0)), 1.2, 256.0 * kEps);
}

// At the Frechet mean the logarithms sum to 0; here with explicit vectors, the mean found by steps
// of its own.
TEST_F(TangentAnalysisTest, TheMeanIsWhereLogarithmsBalance) {
  const Matrix x = Cluster(9, 5, 1);
  Vector mean = x.row(0).transpose();
  Matrix logs(9, 5);
  for (int iteration = 0; iteration < 200; ++iteration) {
    for (Index i = 0; i < 9; ++i) {
      const double cosine = x.row(i).dot(mean);
      const Vector w = x.row(i).transpose() - cosine * mean;
      logs.row(i) = (w.norm() > 0.0 ? std::acos(cosine) / w.norm() : 1.0) * w.transpose();
    }
    const Vector step = logs.colwise().mean().transpose();
    if (step.norm() == 0.0) break;
    mean = std::cos(step.norm()) * mean + std::sin(step.norm()) / step.norm() * step;
    mean.normalize();
  }
  const TangentAnalysis result = Analyze(OnSphere(x));
  ASSERT_EQ(result.status, ScoreStatus::kOk);
  const double tolerance = 4096.0 * kEps;
  for (Index i = 0; i < 9; ++i) {
    EXPECT_NEAR(result.distances[i], std::acos(x.row(i).dot(mean)), tolerance);
  }
  // Coordinates have the inner products of the logarithms, and their directions are principal.
  const Matrix products = result.coordinates * result.coordinates.transpose();
  EXPECT_LE((products - logs * logs.transpose()).cwiseAbs().maxCoeff(), tolerance);
  Matrix between = result.coordinates.transpose() * result.coordinates;
  between.diagonal().setZero();
  EXPECT_LE(between.cwiseAbs().maxCoeff(), tolerance);
  // There are four directions on this sphere; along others the root of rounding is left.
  EXPECT_LE(result.coordinates.leftCols(4).colwise().sum().cwiseAbs().maxCoeff(), tolerance);
  EXPECT_NEAR(result.shares.sum(), 1.0, tolerance);
  for (Index k = 1; k < result.shares.size(); ++k) {
    EXPECT_LE(result.shares[k], result.shares[k - 1]);
  }
}

TEST_F(TangentAnalysisTest, WidelySpreadPointsHaveTheirMean) {
  // 80 degrees to either side of the mean: a step that is too long would never settle.
  Matrix x(2, 2);
  const double angle = 80.0 / 180.0 * kPi;
  x << std::cos(angle), std::sin(angle), std::cos(angle), -std::sin(angle);
  const TangentAnalysis result = Analyze(OnSphere(x));
  ASSERT_EQ(result.status, ScoreStatus::kOk);
  EXPECT_NEAR(result.distances[0], angle, 256.0 * kEps);
}

TEST_F(TangentAnalysisTest, InAEuclideanSpaceItIsClassicalScaling) {
  const Matrix x = testing::RandomNormal(7, 3, 2);
  Matrix distances(7, 7);
  for (Index i = 0; i < 7; ++i) {
    for (Index j = 0; j < 7; ++j) distances(i, j) = (x.row(i) - x.row(j)).norm();
  }
  const TangentAnalysis result = Analyze(FromSides(ScoreSpace::kDistance, distances), 3);
  const Matrix centered = x.rowwise() - Eigen::RowVectorXd(x.colwise().mean());
  const double tolerance = 4096.0 * kEps;
  EXPECT_LE((result.distances - centered.rowwise().norm()).cwiseAbs().maxCoeff(), tolerance);
  EXPECT_NEAR(result.variance, centered.squaredNorm() / 7.0, tolerance);
  ASSERT_EQ(result.coordinates.cols(), 3);
  EXPECT_LE((result.coordinates * result.coordinates.transpose() - centered * centered.transpose())
                .cwiseAbs()
                .maxCoeff(),
            tolerance);
}

TEST_F(TangentAnalysisTest, DegenerateSetsHaveADefinedAnswer) {
  const TangentAnalysis one = Analyze(OnSphere(Matrix::Ones(1, 1)));
  ASSERT_EQ(one.status, ScoreStatus::kOk);
  EXPECT_EQ(one.variance, 0.0);
  EXPECT_EQ(one.shares[0], 0.0);
  const TangentAnalysis same = Analyze(OnSphere(Matrix::Ones(3, 1)));
  ASSERT_EQ(same.status, ScoreStatus::kOk);
  EXPECT_NEAR(same.variance, 0.0, 64.0 * kEps);
  Matrix opposite(2, 1);
  opposite << 1.0, -1.0;
  EXPECT_EQ(Analyze(OnSphere(opposite)).status, ScoreStatus::kAntipodalPoints);
  std::vector<Score> scores(4, Score{ScoreStatus::kOk, 1.0, Form::kAuto});
  scores[1].status = scores[2].status = scores[3].status = ScoreStatus::kConstant;
  EXPECT_EQ(Analyze(PointSet::Create(ScoreSpace::kCosine, 2, scores).value()).status,
            ScoreStatus::kConstant);
}

TEST_F(TangentAnalysisTest, ItCanBeStopped) {
  std::stop_source source;
  source.request_stop();
  ComputeContext context;
  context.stop = source.get_token();
  EXPECT_EQ(AnalyzeTangents(context, OnSphere(Cluster(4, 3, 3)), Count(4), 2).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace gramian
