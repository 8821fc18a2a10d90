#include <cmath>
#include <limits>
#include <memory>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class CenteredAlignmentTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(CenteredAlignmentTest, CkaIsTheNormalizedHsic) {
  const Matrix x = RandomActivations(50, 6, 1);
  const Matrix y = RandomRelated(x, 9, 0.5, 2);
  for (const char* estimator : {"gretton", "song"}) {
    const std::string hsic = std::string("hsic-hsic=") + estimator;
    const double expected = Compare(hsic, x, y).value /
                            std::sqrt(Compare(hsic, x, x).value * Compare(hsic, y, y).value);
    EXPECT_NEAR(Compare(std::string("cka-hsic=") + estimator, x, y).value, expected, 64.0 * kEps);
  }
}

TEST_F(CenteredAlignmentTest, AngularDistanceIsTheArcCosine) {
  const Matrix x = RandomActivations(50, 6, 3);
  const Matrix y = RandomRelated(x, 9, 0.5, 4);
  EXPECT_EQ(Compare("cka-distance=angular", x, y).value, std::acos(Compare("cka", x, y).value));
}

// Independent data, d > n: biased CKA is far from 0 although nothing is shared, debiased CKA is
// near 0.
TEST_F(CenteredAlignmentTest, DebiasedScoreOfIndependentLayersIsNearZero) {
  const Matrix x = RandomNormal(64, 512, 5);
  const Matrix y = RandomNormal(64, 512, 6);
  EXPECT_GT(Compare("cka", x, y).value, 0.8);
  EXPECT_LT(std::abs(Compare("cka-hsic=song", x, y).value), 0.1);
}

TEST_F(CenteredAlignmentTest, WideRbfBandwidthTendsToLinearCka) {
  const Matrix x = RandomActivations(40, 5, 7);
  const Matrix y = RandomRelated(x, 5, 0.5, 8);
  const double linear = Compare("cka", x, y).value;
  // exp(-u) = 1 - u + O(u^2) with u up to (distance / sigma)^2 / 2: the gap shrinks with sigma^2.
  const double near = std::abs(Compare("cka-kernel=rbf-bandwidth=median:100", x, y).value - linear);
  const double far = std::abs(Compare("cka-kernel=rbf-bandwidth=median:10", x, y).value - linear);
  EXPECT_LT(near, far / 50.0);
}

// All conventions of both kernels that have a width.
TEST_F(CenteredAlignmentTest, EveryBandwidthIsThatOfItsConvention) {
  const Matrix x = RandomActivations(31, 5, 21);
  const Matrix y = RandomRelated(x, 6, 0.5, 22);
  for (const KernelKind kind : {KernelKind::kRbf, KernelKind::kLaplacian}) {
    for (const BandwidthRule rule : {BandwidthRule::kFixed, BandwidthRule::kMedian,
                                     BandwidthRule::kKornblith, BandwidthRule::kLowerMedian}) {
      const KernelSpec kernel{kind, rule, 0.7};
      const Matrix k = testing::NaiveRsm(x, kernel);
      const Matrix l = testing::NaiveRsm(y, kernel);
      const std::string name = "cka-kernel=" + kernel.ToString();
      EXPECT_NEAR(Compare(name, x, y).value,
                  testing::NaiveGretton(k, l) /
                      std::sqrt(testing::NaiveGretton(k, k) * testing::NaiveGretton(l, l)),
                  4096.0 * kEps)
          << name;
      EXPECT_NEAR(
          Compare(name + "-hsic=song", x, y).value,
          testing::NaiveSong(k, l) / std::sqrt(testing::NaiveSong(k, k) * testing::NaiveSong(l, l)),
          4096.0 * kEps)
          << name;
    }
  }
}

TEST_F(CenteredAlignmentTest, AMedianOfZeroHasItsOwnStatus) {
  Matrix x = RandomActivations(30, 4, 9);
  for (Index i = 0; i < 25; ++i) x.row(i) = x.row(0);
  const Matrix y = RandomActivations(30, 4, 10);
  EXPECT_EQ(Compare("cka-kernel=rbf", x, y).status, ScoreStatus::kZeroBandwidth);
  EXPECT_EQ(Compare("cka-kernel=rbf", y, x).status, ScoreStatus::kZeroBandwidth);
  EXPECT_EQ(Compare("ms-cka-kernel=rbf-t=2", x, y).status, ScoreStatus::kZeroBandwidth);
  EXPECT_EQ(Compare("cka-kernel=rbf-bandwidth=fixed:1", x, y).status, ScoreStatus::kOk);
}

TEST_F(CenteredAlignmentTest, DistanceKernelGivesDistanceCovariance) {
  const Matrix x = RandomActivations(30, 4, 11);
  const Matrix y = RandomRelated(x, 4, 0.5, 12);
  const Matrix k = testing::NaiveDistances(x);
  const Matrix l = testing::NaiveDistances(y);
  EXPECT_NEAR(Compare("hsic-kernel=distance", x, y).value,
              testing::NaiveGretton(k, l) / (29.0 * 29.0), 30.0 * kEps * k.norm() * l.norm());
}

TEST_F(CenteredAlignmentTest, HsicOfAConstantLayerIsZero) {
  const Matrix y = RandomActivations(30, 5, 14);
  for (const char* measure : {"hsic", "hsic-hsic=song", "hsic-kernel=distance"}) {
    for (const double constant : {0.0, 0.1, 1.0e6 + 0.1}) {
      const Score score = Compare(measure, Matrix::Constant(30, 6, constant), y);
      ASSERT_EQ(score.status, ScoreStatus::kOk);
      EXPECT_NEAR(score.value, 0.0, 65536.0 * kEps) << measure << " " << constant;
    }
  }
}

TEST_F(CenteredAlignmentTest, SpectralFormHasNoScaleForHsic) {
  NoCache cache;
  const Operand a(testing::AsFloat64(RandomNormal(20, 3, 13)), &cache);
  EXPECT_EQ(testing::TryCompare("hsic", a, a, Form::kSpectral).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gramian
