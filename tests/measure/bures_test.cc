// Bures geometry against square roots of n x n matrices.
#include <cmath>
#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive.h"
#include "tests/measure/naive_shape.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::Dense;
using testing::RandomActivations;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class BuresTest : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_P(BuresTest, MeetsTheFidelityOfRsms) {
  const std::string kernel = GetParam();
  const KernelKind kind = kernel == "linear"   ? KernelKind::kLinear
                          : kernel == "cosine" ? KernelKind::kCosine
                          : kernel == "rbf"    ? KernelKind::kRbf
                                               : KernelKind::kDistance;
  const KernelSpec spec{kind, BandwidthRule::kMedian, 1.0};
  const Matrix x = RandomActivations(30, 5, 1);
  const Matrix y = RandomRelated(x, 4, 0.5, 2);
  const Dense k = testing::NaiveCentered(testing::NaiveRsm(x, spec));
  const Dense l = testing::NaiveCentered(testing::NaiveRsm(y, spec));
  const Dense root = testing::NaiveRoot(k);
  const double fidelity = testing::NaiveRoot(root * l * root).trace();
  // The reference takes roots of eigenvalues that are rounding.
  const double tolerance = 30.0 * std::sqrt(kEps) * (k.trace() + l.trace());
  const auto value = [&](const std::string& form) {
    return Compare("bures-form=" + form + "-kernel=" + kernel, x, y).value;
  };
  const double squared = k.trace() + l.trace() - 2.0 * fidelity;
  EXPECT_NEAR(value("fidelity"), fidelity, tolerance);
  EXPECT_NEAR(value("squared"), squared, tolerance);
  EXPECT_NEAR(value("distance"), std::sqrt(squared), tolerance / std::sqrt(squared));
  const double similarity = value("similarity");
  EXPECT_NEAR(similarity, fidelity / std::sqrt(k.trace() * l.trace()),
              tolerance / std::sqrt(k.trace() * l.trace()));
  EXPECT_NEAR(value("angle"), std::acos(similarity), 64.0 * kEps);
}

INSTANTIATE_TEST_SUITE_P(All, BuresTest, ::testing::Values("linear", "cosine", "rbf", "distance"));

TEST(LinearBuresTest, IsTheProcrustesDistance) {
  ASSERT_TRUE(InitializeBlas().ok());
  const Matrix x = RandomActivations(40, 6, 3);
  const Matrix y = RandomRelated(x, 8, 0.5, 4);
  const double distance = Compare("procrustes", x, y).value;
  EXPECT_NEAR(Compare("bures-form=distance", x, y).value, distance, 1024.0 * kEps * distance);
  const double fidelity = Compare("bures-form=fidelity", x, x).value;
  EXPECT_NEAR(fidelity, testing::NaiveCenter(x).squaredNorm(), 64.0 * kEps * fidelity);
}

}  // namespace
}  // namespace gramian
