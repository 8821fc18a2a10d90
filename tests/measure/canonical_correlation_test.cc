// CCA and SVCCA against QR bases, and closed forms.
#include <cmath>
#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive_shape.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::NaiveCenter;
using testing::RandomActivations;
using testing::RandomNormal;
using testing::RandomRelated;

constexpr double kTolerance = 4096.0 * std::numeric_limits<double>::epsilon();

class CanonicalCorrelationTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  static double Value(const std::string& name, const Matrix& x, const Matrix& y) {
    const Score score = Compare(name, x, y);
    EXPECT_EQ(score.status, ScoreStatus::kOk);
    return score.value;
  }

  const Matrix x_ = RandomActivations(80, 11, 1);
  const Matrix y_ = RandomRelated(x_, 7, 0.6, 2);
};

TEST_F(CanonicalCorrelationTest, MeetsBasesFromQr) {
  const Vector rho = testing::NaiveCorrelations(NaiveCenter(x_), NaiveCenter(y_));
  ASSERT_EQ(rho.size(), 7);
  EXPECT_NEAR(Value("cca", x_, y_), rho.mean(), kTolerance);
  EXPECT_NEAR(Value("cca-form=rsquared", x_, y_), rho.squaredNorm() / 7.0, kTolerance);
  const Vector raw = testing::NaiveCorrelations(x_, y_);
  EXPECT_NEAR(Value("cca-center=none", x_, y_), raw.mean(), kTolerance);
}

TEST_F(CanonicalCorrelationTest, CountsTheRankOrTheWidth) {
  Matrix wide = Matrix::Zero(80, 12);
  wide.leftCols(7) = y_;
  wide.col(7) = y_.col(0) - 2.0 * y_.col(3);
  wide.col(8).setConstant(4.0);
  const Vector rho = testing::NaiveCorrelations(NaiveCenter(x_), NaiveCenter(y_));
  EXPECT_NEAR(Value("cca", x_, wide), rho.mean(), kTolerance);
  EXPECT_NEAR(Value("cca-over=width", x_, wide), rho.sum() / 11.0, kTolerance);
  EXPECT_NEAR(Value("cca-over=width", wide, wide), 7.0 / 12.0, kTolerance);
}

TEST_F(CanonicalCorrelationTest, LeadingOnesReachTheirShare) {
  const Vector rho = testing::NaiveCorrelations(NaiveCenter(x_), NaiveCenter(y_));
  for (const double share : {0.3, 0.6, 0.98}) {
    Index count = 1;
    while (rho.head(count).sum() < share * rho.sum()) ++count;
    EXPECT_NEAR(Value("cca-over=leading:" + std::to_string(share), x_, y_), rho.head(count).mean(),
                kTolerance);
  }
}

// Two features in common, one each that nothing shares: rho = (1, 1, 0).
TEST_F(CanonicalCorrelationTest, KnowsASharedPlane) {
  const Matrix basis = testing::NaiveBasis(NaiveCenter(RandomNormal(50, 4, 3)));
  Matrix a(50, 3);
  Matrix b(50, 3);
  a << basis.leftCols(2), basis.col(2);
  b << basis.leftCols(2), basis.col(3);
  const Matrix mixed = b * RandomNormal(3, 3, 4);
  EXPECT_NEAR(Value("cca", a, mixed), 2.0 / 3.0, kTolerance);
  EXPECT_NEAR(Value("cca-form=rsquared", a, mixed), 2.0 / 3.0, kTolerance);
}

TEST_F(CanonicalCorrelationTest, IsConstantOnceFeaturesSpanAllInputs) {
  const Matrix x = RandomNormal(20, 19, 5);
  const Matrix y = RandomNormal(20, 4, 6);
  EXPECT_EQ(Value("cca", x, y), 1.0);
  EXPECT_EQ(Value("cca", RandomNormal(20, 50, 7), y), 1.0);
  EXPECT_LT(Value("cca", x.leftCols(18), y), 1.0);
  EXPECT_EQ(Value("cca-center=none", RandomNormal(20, 20, 8), y), 1.0);
}

TEST_F(CanonicalCorrelationTest, SmallVarianceCostsNoDigits) {
  // The same plane, one direction a million times weaker.
  Matrix weak = y_;
  weak.col(6) = 1.0e-5 * y_.col(6) + y_.col(0);
  EXPECT_NEAR(Value("cca", x_, weak), Value("cca", x_, y_), 1.0e5 * kTolerance);
}

TEST_F(CanonicalCorrelationTest, FactoredAndExplicitEigenvectorsAgree) {
  NoCache cache;
  const Operand a(testing::AsFloat64(x_), &cache);
  const Operand b(testing::AsFloat64(y_), &cache);
  const Score factored = testing::TryCompare("cca", a, b, Form::kFeatureSpace).value();
  const Score explicit_modes = testing::TryCompare("cca", a, b, Form::kSpectral).value();
  EXPECT_EQ(factored.form, Form::kFeatureSpace);
  EXPECT_EQ(explicit_modes.form, Form::kSpectral);
  EXPECT_NEAR(factored.value, explicit_modes.value, 1024.0 * kTolerance);
  EXPECT_EQ(testing::TryCompare("cca", a, b, Form::kSampleSpace).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// Principal components with given variances and a known rotation between two of them.
TEST_F(CanonicalCorrelationTest, SvccaKeepsTheComponentsThatHoldTheVariance) {
  const Matrix basis = testing::NaiveBasis(NaiveCenter(RandomNormal(60, 6, 9)));
  const Vector sigma = (Vector(3) << 3.0, 2.0, 1.0).finished();  // variances 9, 4, 1 of 14
  const Matrix x = basis.leftCols(3) * sigma.asDiagonal();
  Matrix turned(60, 3);
  turned << 0.6 * basis.col(0) + 0.8 * basis.col(3), basis.col(4), basis.col(5);
  const Matrix y = turned * sigma.asDiagonal();
  EXPECT_NEAR(Value("svcca-rank=1", x, y), 0.6, kTolerance);
  EXPECT_NEAR(Value("svcca-rank=1-form=rsquared", x, y), 0.36, kTolerance);
  EXPECT_NEAR(Value("svcca-rank=2", x, y), 0.3, kTolerance);
  EXPECT_NEAR(Value("svcca-variance=0.6", x, y), 0.6, kTolerance);   // 9/14 = 0.64
  EXPECT_NEAR(Value("svcca-variance=0.65", x, y), 0.3, kTolerance);  // 13/14 = 0.93
  EXPECT_NEAR(Value("svcca-variance=0.95", x, y), 0.2, kTolerance);
  EXPECT_NEAR(Value("svcca-rank=100", x, y), 0.2, kTolerance);
}

TEST_F(CanonicalCorrelationTest, NamesThatMeanNothingAreRefused) {
  for (const char* name : {"cca-over=d", "cca-over=leading:0", "cca-over=leading:1.5",
                           "cca-form=pwcca", "cca-center=rows", "svcca-rank=0", "svcca-rank=2.5",
                           "svcca-variance=2", "svcca-rank=2-variance=0.9"}) {
    EXPECT_EQ(MeasureRegistry::Parse(name).status().code(), absl::StatusCode::kInvalidArgument)
        << name;
  }
  EXPECT_EQ(MeasureRegistry::Parse("cca-over=leading:0.50").value()->name(),
            "cca-form=rho-over=leading:0.5");
}

}  // namespace
}  // namespace gramian
