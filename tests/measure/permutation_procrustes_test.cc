// Permutation Procrustes against all permutations.
#include <cmath>
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
using testing::RandomRelated;

constexpr double kTolerance = 4096.0 * std::numeric_limits<double>::epsilon();

class PermutationProcrustesTest : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_P(PermutationProcrustesTest, IsTheLeastOverPermutations) {
  const Matrix x = RandomActivations(40, 4, 1);
  const Matrix y = RandomRelated(x, 6, 0.5, 2);
  const bool centred = GetParam() == "columns";
  const Dense a = testing::NaivePad(centred ? testing::NaiveCenter(x) : Dense(x), 6);
  const Dense b = centred ? testing::NaiveCenter(y) : Dense(y);
  const double xy = testing::NaiveAssignment(a.transpose() * b);
  const double cosine = xy / (a.norm() * b.norm());
  const auto value = [&](const std::string& form) {
    return Compare("permutation-procrustes-form=" + form + "-center=" + GetParam(), x, y).value;
  };
  EXPECT_NEAR(value("distance"), std::sqrt(a.squaredNorm() + b.squaredNorm() - 2.0 * xy),
              (a.norm() + b.norm()) * kTolerance);
  EXPECT_NEAR(value("normalized"), std::sqrt(2.0 - 2.0 * cosine), kTolerance);
  EXPECT_NEAR(value("angular"), std::acos(cosine), kTolerance);
  // Rotations can do no worse.
  if (centred) {
    EXPECT_LE(Compare("procrustes", x, y).value, value("distance"));
  }
}

INSTANTIATE_TEST_SUITE_P(Centering, PermutationProcrustesTest,
                         ::testing::Values("columns", "none"));

TEST(PermutedLayersTest, FindsReorderedFeatures) {
  ASSERT_TRUE(InitializeBlas().ok());
  const Matrix x = RandomNormal(50, 30, 3);
  const Matrix y = x.rowwise().reverse();
  const double rounding = std::sqrt(kTolerance) * x.norm();
  EXPECT_NEAR(Compare("permutation-procrustes", x, y).value, 0.0, rounding);
  EXPECT_NEAR(Compare("permutation-procrustes-center=none", x, y).value, 0.0, rounding);
}

TEST(PermutedLayersTest, HasNoFormButFeatureSpace) {
  ASSERT_TRUE(InitializeBlas().ok());
  NoCache cache;
  const Operand x(testing::AsFloat64(RandomNormal(9, 3, 4)), &cache);
  EXPECT_EQ(testing::TryCompare("permutation-procrustes", x, x, Form::kSpectral).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(testing::TryCompare("permutation-procrustes", x, x)->form, Form::kFeatureSpace);
}

}  // namespace
}  // namespace gramian
