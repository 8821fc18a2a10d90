#include "gramian/tangent/spectral_ratio.h"

#include <Eigen/Eigenvalues>
#include <cmath>

#include "gtest/gtest.h"
#include "tests/tangent/tangents.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::kEps;
using testing::RandomNormal;
using testing::RandomOrthogonal;

PointComparison Compare(const Matrix& a, const Matrix& b) {
  return CompareFactors(FactorOfJacobian(a).data(), FactorOfJacobian(b).data(), a.cols());
}

// Eigenvalues of G_a v = l G_b v, ascending: the definition, for metrics that are well conditioned.
Vector GeneralizedEigenvalues(const Matrix& a, const Matrix& b) {
  const Eigen::MatrixXd ga = a.transpose() * a;
  const Eigen::MatrixXd gb = b.transpose() * b;
  return Eigen::GeneralizedSelfAdjointEigenSolver<Eigen::MatrixXd>(ga, gb, Eigen::EigenvaluesOnly)
      .eigenvalues();
}

TEST(SpectralRatioTest, GoldenPairs) {
  Matrix a(3, 2);
  a << 1, 0, 0, 2, 1, 1;
  const double root = std::sqrt(13.0);
  EXPECT_NEAR(Compare(a, Matrix::Identity(2, 2)).spectral_ratio,
              1.0 - std::sqrt((7.0 - root) / (7.0 + root)), 100.0 * kEps);

  Matrix b(4, 3);
  b << 1, 2, 0, 0, 1, 1, 0, 0, 3, 1, 0, 0;
  Matrix c(3, 3);
  c << 2, 0, 0, 1, 1, 0, 0, 1, 1;
  const PointComparison point = Compare(b, c);
  // Twelve digits are known.
  EXPECT_NEAR(point.spectral_ratio, 0.893213697871, 1e-12);
  EXPECT_NEAR(point.log_scale, 0.445691441571, 1e-12);
  EXPECT_NEAR(point.shape, 3.163620804710, 1e-12);
  EXPECT_NEAR(point.airm, 3.520253816001, 1e-12);
  EXPECT_EQ(point.joint_rank, 3);
  EXPECT_FALSE(point.rank_mismatch);
}

TEST(SpectralRatioTest, AgreesWithTheGeneralizedEigenvalues) {
  for (const Index m : {2, 3, 8, 16, 17, 40}) {
    const auto seed = static_cast<uint64_t>(m);
    const Matrix a = RandomNormal(3 * m, m, seed);
    const Matrix b = RandomNormal(2 * m, m, seed + 1);
    const Vector l = GeneralizedEigenvalues(a, b);
    const PointComparison point = Compare(a, b);
    // Condition numbers of both metrics are below 1e3.
    const double tolerance = 1e4 * static_cast<double>(m) * kEps;
    EXPECT_NEAR(point.spectral_ratio, 1.0 - std::sqrt(l[0] / l[m - 1]), tolerance) << m;
    const Vector logs = l.array().log();
    EXPECT_NEAR(point.log_scale, 0.5 * logs.mean(), tolerance) << m;
    EXPECT_NEAR(point.shape, (logs.array() - logs.mean()).matrix().norm(), tolerance) << m;
    EXPECT_NEAR(point.airm, logs.norm(), tolerance) << m;
  }
}

TEST(SpectralRatioTest, LosesNoDigitsToIllConditionedCoordinates) {
  const Index m = 5;
  Vector stretch(m);
  stretch << 1.0, 0.8, 0.6, 0.5, 0.4;
  for (const double condition : {1e2, 1e4, 1e6, 1e8}) {
    Vector spectrum(m);
    for (Index i = 0; i < m; ++i) spectrum[i] = std::pow(condition, -static_cast<double>(i) / 4.0);
    const Matrix t = RandomOrthogonal(m, 1) * spectrum.asDiagonal() * RandomOrthogonal(m, 2);
    const Matrix a = RandomOrthogonal(20, 3).leftCols(m) * stretch.asDiagonal() * t;
    const Matrix b = RandomOrthogonal(12, 4).leftCols(m) * t;
    EXPECT_LE(std::abs(Compare(a, b).spectral_ratio - 0.6), 100.0 * condition * kEps) << condition;
    EXPECT_LE(std::abs(Compare(a, b).spectral_ratio - 0.6), 1e-9) << condition;
  }
}

TEST(SpectralRatioTest, IsExactlySymmetricAndZeroForEqualFactors) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Matrix a = RandomNormal(9, 4, 2 * seed);
    const Matrix b = RandomNormal(7, 4, 2 * seed + 1);
    const PointComparison ab = Compare(a, b);
    const PointComparison ba = Compare(b, a);
    EXPECT_EQ(ab.spectral_ratio, ba.spectral_ratio);
    EXPECT_EQ(ab.shape, ba.shape);
    EXPECT_EQ(ab.airm, ba.airm);
    EXPECT_EQ(ab.log_scale, -ba.log_scale);
    const PointComparison aa = Compare(a, a);
    EXPECT_EQ(aa.spectral_ratio, 0.0);
    EXPECT_EQ(aa.airm, 0.0);
    EXPECT_EQ(aa.joint_rank, 4);
  }
}

TEST(SpectralRatioTest, SeesNeitherScaleNorCoordinatesNorIsometries) {
  const Matrix a = RandomNormal(9, 4, 1);
  const Matrix b = RandomNormal(7, 4, 2);
  const double ratio = Compare(a, b).spectral_ratio;
  const double tolerance = 1e4 * kEps;
  EXPECT_NEAR(Compare(1e-30 * a, 1e20 * b).spectral_ratio, ratio, tolerance);
  EXPECT_NEAR(Compare(RandomOrthogonal(9, 3) * a, b).spectral_ratio, ratio, tolerance);
  const Matrix change = RandomNormal(4, 4, 4) + 2.0 * Matrix::Identity(4, 4);
  EXPECT_NEAR(Compare(a * change, b * change).spectral_ratio, ratio, tolerance);
  EXPECT_NEAR(Compare(std::exp(1.5) * a, a).log_scale, 1.5, tolerance);
  EXPECT_NEAR(Compare(std::exp(1.5) * a, a).airm, 3.0 * std::sqrt(4.0), tolerance);
  EXPECT_GT(std::abs(Compare(RandomNormal(9, 9, 5) * a, b).spectral_ratio - ratio), 0.01)
      << "a general linear map of a layer changes it";
}

TEST(SpectralRatioTest, ObeysTheTriangleInequalityAndItsBounds) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const Index m = 2 + static_cast<Index>(seed % 4);
    const auto random = [&](uint64_t which) -> Matrix {
      const Vector stretch = (2.0 * RandomNormal(m, 1, 10 * seed + which).array()).exp();
      return RandomNormal(m + 2, m, 10 * seed + which + 3) * stretch.asDiagonal();
    };
    const Matrix a = random(0);
    const Matrix b = random(1);
    const Matrix c = random(2);
    const PointComparison ac = Compare(a, c);
    EXPECT_LE(ac.spectral_ratio, Compare(a, b).spectral_ratio + Compare(b, c).spectral_ratio);
    const double slack = 1e-12;
    EXPECT_LE(1.0 - std::exp(-ac.shape / std::sqrt(m)), ac.spectral_ratio + slack);
    EXPECT_LE(ac.spectral_ratio, 1.0 - std::exp(-ac.shape / std::sqrt(2.0)) + slack);
    EXPECT_NEAR(ac.airm * ac.airm,
                static_cast<double>(m) * 4.0 * ac.log_scale * ac.log_scale + ac.shape * ac.shape,
                100.0 * kEps * (1.0 + ac.airm * ac.airm));
  }
}

TEST(SpectralRatioTest, IsBlindInOneCoordinate) {
  const PointComparison point = Compare(RandomNormal(5, 1, 1), RandomNormal(7, 1, 2));
  EXPECT_NEAR(point.spectral_ratio, 0.0, 4.0 * kEps);
  EXPECT_GT(point.airm, 0.0);
}

TEST(SpectralRatioTest, RanksDecideDegeneratePoints) {
  const Matrix full = RandomNormal(6, 3, 1);
  Matrix singular = RandomNormal(6, 3, 2);
  singular.col(0) = singular.col(1);
  const PointComparison mismatch = Compare(singular, full);
  EXPECT_EQ(mismatch.spectral_ratio, 1.0);
  EXPECT_TRUE(mismatch.rank_mismatch);
  EXPECT_EQ(mismatch.joint_rank, 3);
  EXPECT_EQ(mismatch.airm, 0.0);

  // A shared null space: what is left is compared.
  Matrix other = RandomNormal(8, 3, 3);
  other.col(0) = other.col(1);
  const PointComparison shared = Compare(singular, other);
  EXPECT_FALSE(shared.rank_mismatch);
  EXPECT_EQ(shared.joint_rank, 2);
  EXPECT_FALSE(shared.has_distances(3));
  EXPECT_NEAR(shared.spectral_ratio,
              Compare(singular.rightCols(2), other.rightCols(2)).spectral_ratio, 1e4 * kEps);

  const Matrix zero = Matrix::Zero(4, 3);
  EXPECT_EQ(Compare(zero, full).spectral_ratio, 1.0);
  EXPECT_TRUE(Compare(zero, full).rank_mismatch);
  EXPECT_EQ(Compare(zero, zero).spectral_ratio, 0.0);
  EXPECT_EQ(Compare(zero, zero).joint_rank, 0);
  EXPECT_EQ(Compare(singular, singular).joint_rank, 2);
}

}  // namespace
}  // namespace gramian
