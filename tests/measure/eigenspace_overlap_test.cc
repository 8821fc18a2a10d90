// Eigenspace overlap against bases from QR of the layers as they are.
#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive_shape.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::NaiveBasis;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;

constexpr double kTolerance = 4096.0 * std::numeric_limits<double>::epsilon();

class EigenspaceOverlapTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(EigenspaceOverlapTest, MeetsUncentredBases) {
  const Matrix x = RandomActivations(50, 9, 1);
  Matrix y = Matrix::Zero(50, 12);
  y.leftCols(6) = RandomRelated(x, 6, 0.5, 2);
  const double overlap = (NaiveBasis(x).transpose() * NaiveBasis(y)).squaredNorm();
  EXPECT_NEAR(Compare("eigenspace-overlap", x, y).value, overlap / 9.0, kTolerance);
  EXPECT_NEAR(Compare("eigenspace-overlap-over=width", x, y).value, overlap / 12.0, kTolerance);
  EXPECT_NEAR(Compare("eigenspace-overlap-over=width", y, y).value, 0.5, kTolerance);
}

// Constants lie in the space of a layer whose features sum to one, and in the other by themselves.
TEST_F(EigenspaceOverlapTest, MeansAreADirectionLikeAnyOther) {
  const Matrix centred = testing::NaiveCenter(RandomNormal(40, 3, 3));
  Matrix with_ones(40, 4);
  with_ones << centred, Matrix::Ones(40, 1);
  EXPECT_NEAR(Compare("eigenspace-overlap", centred, with_ones).value, 0.75, kTolerance);
  const Matrix moved = centred.rowwise() + RandomNormal(1, 3, 4).row(0);
  EXPECT_LT(Compare("eigenspace-overlap", centred, moved).value, 0.99);
}

TEST_F(EigenspaceOverlapTest, FeaturesThatSpanAllInputsOverlapCompletely) {
  EXPECT_NEAR(Compare("eigenspace-overlap", RandomNormal(15, 15, 5), RandomNormal(15, 30, 6)).value,
              1.0, kTolerance);
}

}  // namespace
}  // namespace gramian
