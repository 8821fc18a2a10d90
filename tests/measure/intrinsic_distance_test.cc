#include <algorithm>
#include <cmath>
#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"

namespace gramian {
namespace {

using testing::Compare;

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kBound = 4096.0 * kEps;

class IntrinsicDistanceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

// Inputs on `count` circles of n / count inputs each, far apart, with two neighbours: left and
// right.
struct Rings {
  Matrix inputs;
  Vector eigenvalues;  // 1 - cos(2 pi j count / n) for each circle
};
Rings MakeRings(Index n, Index count) {
  Rings rings{Matrix(n, 3), Vector(n)};
  const Index size = n / count;
  for (Index i = 0; i < n; ++i) {
    const double angle =
        2.0 * std::acos(-1.0) * static_cast<double>(i % size) / static_cast<double>(size);
    rings.inputs.row(i) << std::cos(angle), std::sin(angle), 50.0 * static_cast<double>(i / size);
    rings.eigenvalues[i] = 1.0 - std::cos(angle);
  }
  return rings;
}

TEST_F(IntrinsicDistanceTest, ImdOfRingsHasItsClosedForm) {
  const Rings one = MakeRings(40, 1);
  const Rings eight = MakeRings(40, 8);
  double expected = 0.0;
  for (int step = 0; step < 256; ++step) {
    const double t = std::pow(10.0, -1.0 + 2.0 * step / 255.0);
    const double apart = std::abs((-t * one.eigenvalues.array()).exp().mean() -
                                  (-t * eight.eigenvalues.array()).exp().mean());
    expected = std::max(expected, 1.0e6 * std::exp(-2.0 * (t + 1.0 / t)) * apart);
  }
  EXPECT_GT(expected, 1.0);
  EXPECT_NEAR(Compare("imd-k=2", one.inputs, eight.inputs).value, expected, 1.0e6 * kBound);
  EXPECT_NEAR(Compare("imd-k=2", one.inputs, 2.0 * one.inputs).value, 0.0, 1.0e6 * kBound);
}

TEST_F(IntrinsicDistanceTest, ManyInputsAreEstimated) {
  const Matrix x = testing::RandomActivations(120, 6, 1);
  const Matrix y = testing::RandomRelated(x, 4, 0.3, 2);
  const double exact = Compare("imd", x, y).value;
  EXPECT_EQ(Compare("imd-exact=120-probes=2", x, y).value, exact);
  // |exp(-t L)|_F^2 is at most n: five standard deviations of a difference, at t = 1 where the
  // weight is largest.
  const double allowed = 5.0 * 1.0e6 * std::exp(-4.0) * std::sqrt(2.0 * 2.0 / (120.0 * 4000.0));
  const double estimate = Compare("imd-exact=119-probes=4000", x, y).value;
  EXPECT_NE(estimate, exact);
  EXPECT_NEAR(estimate, exact, allowed);
}

}  // namespace
}  // namespace gramian
