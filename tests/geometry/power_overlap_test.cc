// PowerOverlap of spectral_operator.h: scores of two operators at every diffusion time.
#include <cmath>
#include <memory>
#include <vector>

#include "gramian/geometry/markov_operator.h"
#include "gramian/geometry/rsm.h"
#include "gramian/geometry/spectral_operator.h"
#include "gtest/gtest.h"
#include "tests/geometry/reference.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat32;
using testing::AsFloat64;
using testing::kEpsilon;
using testing::Long;
using testing::LongMatrix;
using testing::NaiveCenteredGram;
using testing::NaiveCosine;
using testing::RandomActivations;
using testing::RandomRelated;

using OperatorPtr = std::shared_ptr<const SpectralOperator>;

OperatorPtr OfLayer(std::shared_ptr<const Representation> layer) {
  auto features = std::make_shared<const CenteredFeatures>(std::move(layer), false);
  const auto moments = Moments::Compute({}, *features, Arithmetic::kFloat64).value();
  return SpectralOperator::FromMoments({}, std::move(features), *moments).value();
}

OperatorPtr OfLayer(const Matrix& x) { return OfLayer(AsFloat64(x)); }

double CosineOf(const OperatorPtr& a, const OperatorPtr& b, double t) {
  return PowerOverlap::Compute({}, *a, *b, true).value().Cosine(t);
}

// Rounding of the score at t: eigenvalues are raised to t, and below t = 1 small ones count as much
// as large ones.
double Bound(double t, double smallest) {
  return 64.0 * kEpsilon * (t >= 1.0 ? 1.0 + t : 1.0 / smallest);
}

constexpr double kTimes[] = {0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 64.0};

TEST(PowerOverlapTest, IsTheCosineOfRealPowers) {
  const Matrix x = RandomActivations(24, 6, 1);
  const Matrix y = RandomRelated(x, 5, 0.5, 2);
  const OperatorPtr a = OfLayer(x);
  const OperatorPtr b = OfLayer(y);
  const double smallest = std::min(a->eigenvalues().minCoeff(), b->eigenvalues().minCoeff());
  for (const double t : kTimes) {
    const Long expected = NaiveCosine(testing::RealPower(NaiveCenteredGram(x), 6, t),
                                      testing::RealPower(NaiveCenteredGram(y), 5, t));
    EXPECT_LE(std::abs(CosineOf(a, b, t) - static_cast<double>(expected)), Bound(t, smallest)) << t;
    EXPECT_EQ(CosineOf(a, b, t), CosineOf(a, b, t));
    EXPECT_LE(std::abs(CosineOf(a, b, t) - CosineOf(b, a, t)), Bound(t, smallest));
  }
}

TEST(PowerOverlapTest, IsTheCosineOfMultipliedMatrices) {
  const Matrix x = RandomActivations(30, 8, 3);
  const Matrix y = RandomRelated(x, 11, 0.7, 4);
  const OperatorPtr a = OfLayer(x);
  const OperatorPtr b = OfLayer(y);
  for (const int64_t t : {1, 2, 3, 4, 8, 16, 64}) {
    const Long expected = NaiveCosine(testing::UnitPower(NaiveCenteredGram(x), t),
                                      testing::UnitPower(NaiveCenteredGram(y), t));
    const auto time = static_cast<double>(t);
    EXPECT_LE(std::abs(CosineOf(a, b, time) - static_cast<double>(expected)), Bound(time, 1.0))
        << t;
  }
}

// The recipe as it is written: raise P to t in double, centre, compare.
double LiteralScore(const Matrix& x, const Matrix& y, int t) {
  const auto centered_power = [t](const Matrix& layer) {
    const Matrix rsm = ComputeRsm({}, *AsFloat64(layer), {KernelKind::kLinear}, 0.0).value();
    const Matrix p = MarkovOperator::FromRsm(rsm).value().Rows(0, layer.rows());
    Matrix power = p;
    for (int i = 1; i < t; ++i) power = power * p;
    DoubleCenter(power);
    return power;
  };
  const Matrix a = centered_power(x);
  const Matrix b = centered_power(y);
  return a.cwiseProduct(b).sum() / (a.norm() * b.norm());
}

TEST(PowerOverlapTest, HoldsWherePowersOfTheMarkovOperatorAreNoise) {
  const Matrix x = RandomActivations(30, 8, 5);
  const Matrix y = RandomRelated(x, 8, 0.9, 6);
  const OperatorPtr a = OfLayer(x);
  const OperatorPtr b = OfLayer(y);
  const auto expected = [&](int t) {
    return static_cast<double>(NaiveCosine(testing::UnitPower(NaiveCenteredGram(x), t),
                                           testing::UnitPower(NaiveCenteredGram(y), t)));
  };
  // Both are right at t = 1 ...
  EXPECT_LE(std::abs(LiteralScore(x, y, 1) - expected(1)), 1000.0 * kEpsilon);
  EXPECT_LE(std::abs(CosineOf(a, b, 1.0) - expected(1)), Bound(1.0, 1.0));
  // ... and only one at t = 32.
  EXPECT_GT(std::abs(LiteralScore(x, y, 32) - expected(32)), 0.1);
  EXPECT_LE(std::abs(CosineOf(a, b, 32.0) - expected(32)), Bound(32.0, 1.0));
}

TEST(PowerOverlapTest, OfAnOperatorWithItselfIsOne) {
  const OperatorPtr a = OfLayer(RandomActivations(40, 7, 7));
  for (const double t : kTimes) {
    EXPECT_LE(std::abs(CosineOf(a, a, t) - 1.0), Bound(t, a->eigenvalues().minCoeff())) << t;
  }
}

TEST(PowerOverlapTest, TendsToTheOverlapOfTheLeadingEigenvectors) {
  const Matrix x = RandomActivations(40, 7, 8);
  const OperatorPtr a = OfLayer(x);
  const OperatorPtr b = OfLayer(RandomRelated(x, 6, 0.5, 9));
  const double leading = std::pow(EigenvectorOverlap({}, *a, *b, true).value()(0, 0), 2);
  for (const double t : {1.0e4, 1.0e8, 1.0e300}) {
    EXPECT_LE(std::abs(CosineOf(a, b, t) - leading), 4.0 * kEpsilon) << t;
  }
}

TEST(PowerOverlapTest, ScaleOfTheActivationsDoesNotMatter) {
  const Matrix x = RandomActivations(40, 7, 10);
  const Matrix y = RandomRelated(x, 5, 0.5, 11);
  for (const double t : {0.5, 1.0, 4.0, 64.0}) {
    const double score = CosineOf(OfLayer(AsFloat32(x)), OfLayer(AsFloat32(y)), t);
    // Powers of 2 round nothing.
    for (const double size : {0x1p20, 0x1p-20, 0x1p100, 0x1p-100}) {
      EXPECT_EQ(CosineOf(OfLayer(AsFloat32(x * size)), OfLayer(AsFloat32(y / size)), t), score)
          << size;
    }
    const OperatorPtr a = OfLayer(x);
    const OperatorPtr b = OfLayer(y);
    const double smallest = std::min(a->eigenvalues().minCoeff(), b->eigenvalues().minCoeff());
    for (const double size : {1.0e6, 1.0e-6}) {
      EXPECT_LE(std::abs(CosineOf(OfLayer(x * size), b, t) - CosineOf(a, b, t)),
                2.0 * Bound(t, smallest));
    }
  }
}

// An operator with given modes: rows of `modes` are orthonormal and sum to 0.
OperatorPtr OfModes(const Matrix& modes, const Vector& eigenvalues) {
  return std::make_shared<const SpectralOperator>(std::make_shared<const CenteredFeatures>(modes),
                                                  Matrix(), Vector::Ones(eigenvalues.size()),
                                                  eigenvalues, 0.0, Arithmetic::kFloat64);
}

// Orthonormal, orthogonal to 1, and without any rounding.
struct ExactModes {
  Eigen::RowVector4d u{0.5, 0.5, -0.5, -0.5};
  Eigen::RowVector4d v{0.5, -0.5, 0.5, -0.5};
  Eigen::RowVector4d w{0.5, -0.5, -0.5, 0.5};
};

Matrix Stack(const Eigen::RowVector4d& first, const Eigen::RowVector4d& second) {
  Matrix modes(2, 4);
  modes << first, second;
  return modes;
}

TEST(PowerOverlapTest, OrthogonalLeadingEigenvectorsUnderflowGracefully) {
  const ExactModes modes;
  const OperatorPtr a = OfModes(Stack(modes.u, modes.w), Eigen::Vector2d(1.0, 0.5));
  const OperatorPtr b = OfModes(Stack(modes.v, modes.w), Eigen::Vector2d(1.0, 0.25));
  // (1/2)^t (1/4)^t / sqrt((1 + 4^-t) (1 + 16^-t)), far below what a plain sum can hold.
  for (const double t : {1.0, 10.0, 100.0, 300.0, 340.0}) {
    const Long expected = std::exp2(-3 * Long{t}) /
                          std::sqrt((1 + std::exp2(-2 * Long{t})) * (1 + std::exp2(-4 * Long{t})));
    const double cosine = CosineOf(a, b, t);
    EXPECT_LE(std::abs(cosine / static_cast<double>(expected) - 1.0), 8.0 * (1.0 + t) * kEpsilon)
        << t;
  }
  for (const double t : {500.0, 1.0e6, 1.0e300}) EXPECT_EQ(CosineOf(a, b, t), 0.0) << t;
}

TEST(PowerOverlapTest, RelativeSizesSurviveWhereNoPowerDoes) {
  const ExactModes modes;
  // Both leading pairs miss each other, so that the score is (e^2)^t with e = 1e-200: the powers
  // themselves are 0 in double.
  const OperatorPtr a = OfModes(Stack(modes.u, modes.w), Eigen::Vector2d(1.0, 1.0e-100));
  const OperatorPtr b = OfModes(Stack(modes.v, modes.w), Eigen::Vector2d(1.0, 1.0e-100));
  EXPECT_LE(std::abs(CosineOf(a, b, 1.5) / 1.0e-300 - 1.0), 2000.0 * kEpsilon);
  EXPECT_EQ(CosineOf(a, b, 4.0), 0.0);
}

TEST(PowerOverlapTest, OperatorsWithNothingInCommonScoreZero) {
  const ExactModes modes;
  const OperatorPtr a = OfModes(modes.u, Vector::Ones(1));
  const OperatorPtr b = OfModes(Stack(modes.v, modes.w), Eigen::Vector2d(1.0, 0.5));
  for (const double t : {0.25, 1.0, 64.0, 1.0e4}) {
    EXPECT_EQ(CosineOf(a, b, t), 0.0);
    EXPECT_EQ(CosineOf(b, a, t), 0.0);
  }
}

TEST(PowerOverlapTest, StaysBetweenZeroAndOne) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const Matrix x = RandomActivations(20, 1 + static_cast<Index>(seed % 25), seed);
    const Matrix y = RandomRelated(x, 6, 1.0, seed + 100);
    for (const double t : kTimes) {
      const double cosine = CosineOf(OfLayer(AsFloat32(x)), OfLayer(AsFloat32(y)), t);
      EXPECT_GE(cosine, 0.0);
      EXPECT_LE(cosine, 1.0);
    }
  }
}

}  // namespace
}  // namespace gramian
