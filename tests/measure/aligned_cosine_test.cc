// Aligned cosine against the rotation, or permutation, itself.
#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive_shape.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::Dense;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomOrthogonal;
using testing::RandomRelated;

constexpr double kTolerance = 4096.0 * std::numeric_limits<double>::epsilon();

// Mean cosine of rows; rows of zeros are left out.
double MeanCosine(const Dense& x, const Dense& y) {
  double sum = 0.0;
  int count = 0;
  for (Index i = 0; i < x.rows(); ++i) {
    if (x.row(i).norm() == 0.0 || y.row(i).norm() == 0.0) continue;
    sum += x.row(i).dot(y.row(i)) / (x.row(i).norm() * y.row(i).norm());
    ++count;
  }
  return sum / count;
}

Dense Rotate(const Dense& x, const Dense& y) {
  const Eigen::JacobiSVD<Dense> svd(x.transpose() * y, Eigen::ComputeFullU | Eigen::ComputeFullV);
  return x * svd.matrixU() * svd.matrixV().transpose();
}

class AlignedCosineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(AlignedCosineTest, MeetsTheRotationItself) {
  const Matrix x = RandomActivations(300, 9, 1);
  const Matrix y = RandomRelated(x, 6, 0.5, 2);
  const Dense padded = testing::NaivePad(y, 9);
  EXPECT_NEAR(Compare("aligned-cosine", x, y).value, MeanCosine(Rotate(x, padded), padded),
              kTolerance);
}

TEST_F(AlignedCosineTest, MoreFeaturesThanInputsAreRotatedToo) {
  const Matrix x = RandomActivations(12, 30, 3);
  const Matrix y = RandomRelated(x, 5, 0.5, 4);
  const Dense padded = testing::NaivePad(y, 30);
  EXPECT_NEAR(Compare("aligned-cosine", x, y).value, MeanCosine(Rotate(x, padded), padded),
              kTolerance);
}

TEST_F(AlignedCosineTest, ARotatedCopyPointsTheSameWay) {
  const Matrix x = RandomActivations(40, 7, 5);
  EXPECT_NEAR(Compare("aligned-cosine", x, x * RandomOrthogonal(7, 6)).value, 1.0, kTolerance);
  EXPECT_NEAR(Compare("aligned-cosine-group=permutation", x, x.rowwise().reverse()).value, 1.0,
              kTolerance);
}

TEST_F(AlignedCosineTest, InputsAnsweredWithZerosAreLeftOut) {
  Matrix x = RandomActivations(40, 6, 7);
  Matrix y = RandomRelated(x, 6, 0.5, 8);
  x.row(3).setZero();
  y.row(11).setZero();
  EXPECT_NEAR(Compare("aligned-cosine", x, y).value, MeanCosine(Rotate(x, y), y), kTolerance);
  // Either side zero for every input: nothing to compare.
  Matrix first = x;
  Matrix second = y;
  first.topRows(20).setZero();
  second.bottomRows(20).setZero();
  EXPECT_EQ(Compare("aligned-cosine", first, second).value, 0.0);
  EXPECT_EQ(Compare("aligned-cosine-group=permutation", first, second).value, 0.0);
}

TEST_F(AlignedCosineTest, MeetsThePermutationItself) {
  Matrix x = RandomActivations(40, 3, 9);
  Matrix y = RandomRelated(x, 4, 0.5, 10);
  const Dense gains = x.transpose() * y;
  double best = -1.0e300;
  double expected = 0.0;
  for (Index i = 0; i < 4; ++i) {
    for (Index j = 0; j < 4; ++j) {
      for (Index k = 0; k < 4; ++k) {
        if (i == j || j == k || i == k) continue;
        const double sum = gains(0, i) + gains(1, j) + gains(2, k);
        if (sum <= best) continue;
        best = sum;
        Dense reordered(40, 4);
        reordered << y.col(i), y.col(j), y.col(k), y.col(6 - i - j - k);
        expected = MeanCosine(testing::NaivePad(x, 4), reordered);
      }
    }
  }
  EXPECT_NEAR(Compare("aligned-cosine-group=permutation", x, y).value, expected, kTolerance);
}

TEST_F(AlignedCosineTest, NeedsExplicitEigenvectors) {
  NoCache cache;
  const Operand x(testing::AsFloat64(RandomNormal(30, 3, 11)), &cache);
  const Operand y(testing::AsFloat64(RandomNormal(30, 4, 12)), &cache);
  EXPECT_EQ(testing::TryCompare("aligned-cosine", x, y, Form::kFeatureSpace).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gramian
