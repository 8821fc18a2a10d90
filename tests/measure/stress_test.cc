// Goal: stress is the root mean square difference of distances. Method: the definition, written
// plainly; its degenerate cases.
#include <cmath>
#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/testing/plain_space.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::PlainSpace;
using testing::RandomActivations;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class StressTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

// 300 inputs are more than one tile.
TEST_F(StressTest, ItIsTheDefinition) {
  const Matrix x = RandomActivations(300, 12, 1);
  const Matrix y = RandomRelated(x, 9, 0.5, 2);
  const std::pair<const char*, PlainSpace> cases[] = {
      {"stress", {false, {}, false, false}},
      {"stress-rescale=median", {false, {}, false, true}},
      {"stress-kernel=rbf-bandwidth=median:1", {false, {KernelKind::kRbf}, false, false}},
      {"stress-kernel=rbf-bandwidth=fixed:3-rescale=median",
       {false, {KernelKind::kRbf, BandwidthRule::kFixed, 3.0}, false, true}},
      {"stress-kernel=laplacian-bandwidth=lowermedian:1",
       {false, {KernelKind::kLaplacian, BandwidthRule::kLowerMedian}, false, false}}};
  for (const auto& [measure, plain] : cases) {
    const Score score = Compare(measure, x, y);
    ASSERT_EQ(score.status, ScoreStatus::kOk);
    const double expected = plain.Distance(plain.Point(x), plain.Point(y));
    // The plain kernel distance sqrt(2 - 2 k) cancels for near inputs.
    EXPECT_NEAR(score.value, expected, 4096.0 * kEps * (1.0 + expected)) << measure;
  }
}

TEST_F(StressTest, NearLayersLoseNoDigits) {
  const Matrix x = RandomActivations(50, 6, 3);
  // Every distance grows by 1e-9 of itself.
  const double factor = 1.0 + 1.0e-9;
  const double rms = PlainSpace{false, {}, false, false}.Length(testing::NaiveDistances(x));
  const Score score = Compare("stress", x, factor * x);
  EXPECT_NEAR(score.value, (factor - 1.0) * rms, 64.0 * kEps * rms);
}

TEST_F(StressTest, DegenerateSidesHaveAStatus) {
  const Matrix x = RandomActivations(20, 4, 4);
  Matrix mostly_equal = Matrix::Zero(20, 4);
  mostly_equal(0, 0) = 1.0;
  EXPECT_EQ(Compare("stress", x, Matrix::Ones(20, 3)).status, ScoreStatus::kConstant);
  EXPECT_EQ(Compare("stress", x, mostly_equal).status, ScoreStatus::kOk);
  EXPECT_EQ(Compare("stress-rescale=median", x, mostly_equal).status, ScoreStatus::kZeroBandwidth);
  EXPECT_EQ(Compare("stress-kernel=rbf", x, mostly_equal).status, ScoreStatus::kZeroBandwidth);
}

TEST_F(StressTest, OtherFormsAndParametersAreRefused) {
  NoCache cache;
  const Operand x(testing::AsFloat64(RandomActivations(10, 3, 5)), &cache);
  for (const Form form : {Form::kFeatureSpace, Form::kSpectral}) {
    EXPECT_EQ(testing::TryCompare("stress", x, x, form).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  for (const char* name :
       {"stress-kernel=cosine", "stress-rescale=mean", "stress-bandwidth=fixed:1"}) {
    EXPECT_EQ(MeasureRegistry::Parse(name).status().code(), absl::StatusCode::kInvalidArgument)
        << name;
  }
}

}  // namespace
}  // namespace gramian
