#include "gramian/geometry/spectral_norm.h"

#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::RandomNormal;
using testing::RandomOrthogonal;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class SpectralNormTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(SpectralNormTest, IsTheLargestEigenvalueBySize) {
  for (const Index n : {1, 2, 7, 64, 65, 300}) {
    Matrix a = RandomNormal(n, n, static_cast<uint64_t>(n));
    a = (a + a.transpose()).eval();
    for (const double scale : {1.0, -1.0, 1.0e100, 1.0e-100}) {
      const double expected = EigenDecompose(scale * a).value().values.cwiseAbs().maxCoeff();
      EXPECT_NEAR(SpectralNorm({}, scale * a).value(), expected, 8192.0 * kEps * expected) << n;
    }
  }
}

// The most negative eigenvalue, and one that is close behind the largest.
TEST_F(SpectralNormTest, FindsEitherEndOfAClusteredSpectrum) {
  const Index n = 200;
  Vector values = Vector::LinSpaced(n, -1.0, 1.0);
  values[0] = -1.0 - 1.0e-6;
  const Matrix q = RandomOrthogonal(n, 3);
  const Matrix a = q * values.asDiagonal() * q.transpose();
  EXPECT_NEAR(SpectralNorm({}, a).value(), 1.0 + 1.0e-6, 8192.0 * kEps);
}

TEST_F(SpectralNormTest, AMatrixOfRankOneNeedsOneStep) {
  const Vector v = Vector::LinSpaced(500, 1.0, 2.0);
  EXPECT_NEAR(SpectralNorm({}, -v * v.transpose()).value(), v.squaredNorm(),
              64.0 * kEps * v.squaredNorm());
  EXPECT_EQ(SpectralNorm({}, Matrix::Zero(9, 9)).value(), 0.0);
}

}  // namespace
}  // namespace gramian
