// Goal: distances that fit a picture are met exactly, others nearly, always the same way.
#include "gramian/measure/metric_mds.h"

#include <cmath>
#include <limits>
#include <stop_token>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();

Matrix DistancesOf(const Matrix& x) {
  Matrix distances(x.rows(), x.rows());
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index j = 0; j < x.rows(); ++j) distances(i, j) = (x.row(i) - x.row(j)).norm();
  }
  return distances;
}

MdsEmbedding Embed(const Matrix& distances, Index dimensions) {
  return EmbedMetric(ComputeContext(), distances, dimensions).value();
}

class MetricMdsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(MetricMdsTest, APictureIsFoundAgain) {
  const Matrix distances = DistancesOf(testing::RandomNormal(12, 2, 1));
  const MdsEmbedding picture = Embed(distances, 2);
  EXPECT_LE(picture.stress, 1024.0 * kEps);
  EXPECT_LE((DistancesOf(picture.coordinates) - distances).cwiseAbs().maxCoeff(), 1024.0 * kEps);
  EXPECT_LE(picture.coordinates.colwise().mean().cwiseAbs().maxCoeff(), 64.0 * kEps);
  for (Index k = 0; k < 2; ++k) {
    EXPECT_GT(picture.coordinates.col(k).maxCoeff(), -picture.coordinates.col(k).minCoeff());
  }
}

TEST_F(MetricMdsTest, MajorisingImprovesOnClassicalScaling) {
  // Great-circle distances of points all over a sphere do not fit into a plane.
  const Matrix unit = testing::RandomNormal(20, 3, 2).rowwise().normalized();
  Matrix distances = (unit * unit.transpose()).array().max(-1.0).min(1.0).acos().matrix();
  distances.diagonal().setZero();
  const MdsEmbedding picture = Embed(distances, 2);
  EXPECT_GT(picture.iterations, 0);
  const double stress = (DistancesOf(picture.coordinates) - distances).norm() / distances.norm();
  EXPECT_NEAR(picture.stress, stress, 64.0 * kEps);
  // Stationary: Guttman's transform leaves it where it is, so no distance wants to change on the
  // whole; a small move in any one coordinate does not improve it.
  for (const double move : {-1.0e-3, 1.0e-3}) {
    for (Index i = 0; i < 20; ++i) {
      for (Index k = 0; k < 2; ++k) {
        Matrix moved = picture.coordinates;
        moved(i, k) += move;
        EXPECT_GE((DistancesOf(moved) - distances).norm() / distances.norm(), stress - kEps);
      }
    }
  }
}

TEST_F(MetricMdsTest, TheSameDistancesGiveTheSamePicture) {
  const Matrix distances = DistancesOf(testing::RandomNormal(15, 6, 3));
  EXPECT_EQ(Embed(distances, 2).coordinates, Embed(distances, 2).coordinates);
}

TEST_F(MetricMdsTest, DegenerateSetsHaveAPicture) {
  const MdsEmbedding one = Embed(Matrix::Zero(1, 1), 2);
  EXPECT_EQ(one.coordinates, Matrix::Zero(1, 2));
  EXPECT_EQ(one.stress, 0.0);
  EXPECT_EQ(Embed(Matrix::Zero(4, 4), 2).coordinates, Matrix::Zero(4, 2));
  Matrix pair(2, 2);
  pair << 0, 3, 3, 0;
  const MdsEmbedding two = Embed(pair, 3);
  EXPECT_NEAR(std::abs(two.coordinates(0, 0) - two.coordinates(1, 0)), 3.0, 16.0 * kEps);
  EXPECT_TRUE(two.coordinates.allFinite());
  // Two of three points coincide.
  Matrix triple(3, 3);
  triple << 0, 0, 1, 0, 0, 1, 1, 1, 0;
  const MdsEmbedding three = Embed(triple, 2);
  EXPECT_TRUE(three.coordinates.allFinite());
  EXPECT_LE(three.stress, 64.0 * std::sqrt(kEps));
}

TEST_F(MetricMdsTest, ItCanBeStoppedAndRefused) {
  const Matrix distances = DistancesOf(testing::RandomNormal(5, 3, 4));
  std::stop_source source;
  source.request_stop();
  ComputeContext stopped;
  stopped.stop = source.get_token();
  EXPECT_EQ(EmbedMetric(stopped, distances, 2).status().code(), absl::StatusCode::kCancelled);
  ComputeContext tight;
  tight.scratch_limit_bytes = 100;
  EXPECT_EQ(EmbedMetric(tight, distances, 2).status().code(), absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace gramian
