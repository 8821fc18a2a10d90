// Goal: the scores of a functional map are their formulas. Method: maps whose scores are known.
#include "gramian/measure/functional_similarity.h"

#include <cmath>
#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();

class FunctionalSimilarityTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(FunctionalSimilarityTest, KnownMapsHaveKnownScores) {
  Matrix map(2, 2);
  map << 1.0, 0.0, 0.5, 1.0;
  // C'C = [1.25, 0.5; 0.5, 1].
  const FunctionalScores scores =
      ScoreFunctionalMap(map, Vector::Zero(2), Vector::LinSpaced(2, 0.0, 0.5));
  EXPECT_NEAR(scores.published, 2.5625 / 3.0625, 4.0 * kEps);
  EXPECT_NEAR(scores.official, 1.0 - std::sqrt(0.5 / 3.0625), 4.0 * kEps);
  EXPECT_NEAR(scores.published, 0.836735, 1.0e-6);
  EXPECT_NEAR(scores.official, 0.595939, 1.0e-6);
  EXPECT_EQ(scores.corrected, 1.0);
  EXPECT_EQ(scores.overlap, 1.0);
  EXPECT_NEAR(scores.defect, std::sqrt((0.0625 + 0.25 + 0.25) / 2.0), 4.0 * kEps);
  // C La = 0.
  EXPECT_EQ(scores.commutator, 1.0);
}

// The published forms see nothing of how much a map shrinks; overlap does.
TEST_F(FunctionalSimilarityTest, DiagonalMapsDifferInOverlapOnly) {
  const Vector shrinking = Vector::LinSpaced(30, 0.01, 1.0);
  const Vector values = Vector::LinSpaced(30, 0.0, 1.0);
  const FunctionalScores scores =
      ScoreFunctionalMap(Matrix(shrinking.asDiagonal()), values, values);
  EXPECT_EQ(scores.published, 1.0);
  EXPECT_EQ(scores.official, 1.0);
  EXPECT_EQ(scores.corrected, 1.0);
  EXPECT_NEAR(scores.overlap, shrinking.tail(29).squaredNorm() / 29.0, 16.0 * kEps);
  EXPECT_EQ(scores.commutator, 0.0);
  const FunctionalScores identity = ScoreFunctionalMap(Matrix::Identity(30, 30), values, values);
  EXPECT_EQ(identity.overlap, 1.0);
  EXPECT_EQ(identity.defect, 0.0);
}

// Unrelated bases: (k + 2) / (2 k + 1) of the published form, k / n of the overlap.
TEST_F(FunctionalSimilarityTest, ChanceIsWhereItIsExpected) {
  double published = 0.0;
  double official = 0.0;
  double overlap = 0.0;
  constexpr uint64_t kDraws = 10;
  for (uint64_t seed = 0; seed < kDraws; ++seed) {
    const Matrix a = testing::RandomOrthogonal(300, 2 * seed + 1).topRows(30);
    const Matrix b = testing::RandomOrthogonal(300, 2 * seed + 2).topRows(30);
    const FunctionalScores scores =
        ScoreFunctionalMap(b * a.transpose(), Vector::Zero(30), Vector::Zero(30));
    published += scores.published / kDraws;
    official += scores.official / kDraws;
    overlap += scores.overlap / kDraws;
    EXPECT_EQ(scores.commutator, 0.0);
  }
  EXPECT_NEAR(published, 32.0 / 61.0, 0.03);
  EXPECT_NEAR(official, 1.0 - std::sqrt(29.0 / 61.0), 0.03);
  EXPECT_NEAR(overlap, 0.1, 0.01);
}

TEST_F(FunctionalSimilarityTest, AMapOfNothingScoresNothing) {
  const FunctionalScores scores =
      ScoreFunctionalMap(Matrix::Zero(4, 3), Vector::Ones(3), Vector::Ones(4));
  EXPECT_EQ(scores.published, 0.0);
  EXPECT_EQ(scores.official, 0.0);
  EXPECT_EQ(scores.corrected, 0.0);
  EXPECT_EQ(scores.overlap, 0.0);
  EXPECT_EQ(scores.defect, 1.0);
  EXPECT_EQ(scores.commutator, 0.0);
}

TEST_F(FunctionalSimilarityTest, DistortionIsTheFunctionThatIsShrunkMost) {
  const auto graph =
      NeighborGraph::Compute({}, *testing::AsFloat64(testing::RandomActivations(50, 4, 1)), {})
          .value();
  const auto basis = LaplacianEigenbasis::Compute({}, *graph, 4).value();
  const Vector shrinking = (Vector(4) << 1.0, 0.2, 0.9, 0.8).finished();
  const Vector distortion = DistortionOf(Matrix(shrinking.asDiagonal()), *basis).value();
  EXPECT_LE((distortion - basis->modes().row(1).transpose().cwiseAbs()).norm(), 16.0 * kEps);
}

}  // namespace
}  // namespace gramian
