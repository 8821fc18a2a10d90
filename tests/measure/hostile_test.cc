// Inputs that once gave a wrong number with status ok: huge rows and units, extreme scales, in
// float32 tiles and in float64.
#include <cmath>
#include <limits>
#include <string>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive.h"

namespace gramian {
namespace {

using testing::AsFloat32;
using testing::Compare;
using testing::RandomNormal;
using testing::RandomRelated;
using testing::TryCompare;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class HostileTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

// 1,500 inputs: above the limit of float64 work. One row is so long that the others vanish beside
// it in float32.
TEST_F(HostileTest, OneHugeRowCostsTheOthersNoDigits) {
  Matrix x = RandomNormal(1500, 200, 1);
  const Matrix y = RandomRelated(x, 150, 0.3, 2).cast<float>().cast<double>();
  x = x.cast<float>().cast<double>();
  NoCache cache;
  for (const double huge : {1.0e3, 1.0e5}) {
    x(7, 3) = huge;
    const Matrix k = testing::NaiveDistances(x);
    const Matrix l = testing::NaiveDistances(y);
    const double aa = testing::NaiveSong(k, k);
    const double bb = testing::NaiveSong(l, l);
    const double expected = testing::NaiveSong(k, l) / std::sqrt(aa * bb);
    const Score score = TryCompare("distcorr-form=unbiased", Operand(AsFloat32(x), &cache),
                                   Operand(AsFloat32(y), &cache))
                            .value();
    ASSERT_EQ(score.status, ScoreStatus::kOk);
    // The self term is a difference of terms of the size of |K|^2.
    EXPECT_NEAR(score.value, expected, 64.0 * kEps * k.squaredNorm() / aa) << huge;
  }
}

// Clusters far apart under a kernel that falls off within them: in float32 the distances within a
// cluster lose digits beside those between clusters, and exp raises what is lost.
TEST_F(HostileTest, ANarrowKernelSeesIntoFarClusters) {
  constexpr int64_t kRows = 1500;
  Matrix x = RandomNormal(kRows, 200, 11);
  Matrix y = RandomRelated(x, 150, 0.3, 12);
  const Matrix x_centers = 7.0 * RandomNormal(4, 200, 13);
  const Matrix y_centers = 7.0 * RandomNormal(4, 150, 14);
  for (int64_t i = 0; i < kRows; ++i) {
    x.row(i) += x_centers.row(i % 4);
    y.row(i) += y_centers.row(i % 4);
  }
  x = x.cast<float>().cast<double>();
  y = y.cast<float>().cast<double>();
  const KernelSpec kernel{KernelKind::kRbf, BandwidthRule::kFixed, 10.0};
  const Matrix k = testing::NaiveRsm(x, kernel);
  const Matrix l = testing::NaiveRsm(y, kernel);
  const double aa = testing::NaiveSong(k, k);
  const double bb = testing::NaiveSong(l, l);
  const double expected = testing::NaiveSong(k, l) / std::sqrt(aa * bb);
  NoCache cache;
  const Score score = TryCompare("cka-kernel=rbf-bandwidth=fixed:10-hsic=song",
                                 Operand(AsFloat32(x), &cache), Operand(AsFloat32(y), &cache))
                          .value();
  ASSERT_EQ(score.status, ScoreStatus::kOk);
  // Exponents are off by eps times the squared norms, and self terms are differences of |K|^2.
  const double exponent = x.rowwise().squaredNorm().maxCoeff() / 100.0;
  const double cancelled = k.squaredNorm() / aa + l.squaredNorm() / bb;
  EXPECT_NEAR(score.value, expected, kEps * exponent * cancelled);
}

TEST_F(HostileTest, ScaleIsNoMatterInLargeWork) {
  const Matrix x = RandomNormal(1500, 200, 3);
  const Matrix y = RandomRelated(x, 150, 0.3, 4);
  NoCache cache;
  for (const char* measure :
       {"distcorr", "cka-kernel=rbf", "cka-kernel=laplacian", "cka-hsic=song"}) {
    const auto value = [&](int exponent) {
      const Score score =
          TryCompare(measure, Operand(AsFloat32(std::ldexp(1.0, exponent) * x), &cache),
                     Operand(AsFloat32(std::ldexp(1.0, exponent) * y), &cache))
              .value();
      EXPECT_EQ(score.status, ScoreStatus::kOk) << measure << " " << exponent;
      return score.value;
    };
    const double expected = value(0);
    for (const int exponent : {-100, -73, 63, 100, 115}) {
      EXPECT_NEAR(value(exponent), expected, 16.0 * std::numeric_limits<float>::epsilon())
          << measure << " " << exponent;
    }
  }
}

TEST_F(HostileTest, OneHugeRowIsNoMatterInFloat64Either) {
  Matrix x = RandomNormal(60, 8, 5);
  const Matrix y = RandomRelated(x, 5, 0.5, 6);
  x(7, 1) = 1.0e20;
  for (const char* measure : {"cka-kernel=rbf", "cka-kernel=laplacian"}) {
    KernelSpec kernel{measure == std::string("cka-kernel=rbf") ? KernelKind::kRbf
                                                               : KernelKind::kLaplacian};
    const Matrix k = testing::NaiveRsm(x, kernel);
    const Matrix l = testing::NaiveRsm(y, kernel);
    EXPECT_NEAR(Compare(measure, x, y).value, testing::NaivePowerCosine(k, l, 1), 4096.0 * kEps)
        << measure;
  }
}

// A mask value in a unit that never changes.
TEST_F(HostileTest, AConstantHugeUnitHidesNothing) {
  const Matrix x = RandomNormal(80, 6, 7).cast<float>().cast<double>();
  Matrix masked(80, 7);
  masked << x, Matrix::Constant(80, 1, -static_cast<double>(std::numeric_limits<float>::max()));
  NoCache cache;
  for (const char* measure : {"cka", "ms-cka-t=2", "hsic"}) {
    const Score score =
        TryCompare(measure, Operand(AsFloat32(masked), &cache), Operand(AsFloat32(x), &cache))
            .value();
    ASSERT_EQ(score.status, ScoreStatus::kOk) << measure;
    const double expected = Compare(measure, x, x).value;
    EXPECT_NEAR(score.value, expected, 256.0 * kEps * expected) << measure;
  }
}

// A kernel so wide that the RSM is nearly constant.
TEST_F(HostileTest, ANearlyConstantKernelHasAScoreAtEveryTime) {
  const Matrix x = 1.0e-5 * RandomNormal(80, 6, 8);
  const Matrix y = 1.0e-5 * RandomNormal(80, 6, 9);
  for (const char* measure :
       {"ms-cka-kernel=rbf-bandwidth=fixed:2-t=2", "ms-cka-kernel=rbf-bandwidth=median:1000-t=2"}) {
    const Score score = Compare(measure, x, y);
    EXPECT_EQ(score.status, ScoreStatus::kOk) << measure;
    EXPECT_GE(score.value, 0.0);
    EXPECT_LE(score.value, 1.0);
  }
}

// Float64 activations whose mean float32 cannot hold, in float32 tiles.
TEST_F(HostileTest, Float64MeansAreTakenOffInFloat64) {
  const Matrix x = RandomNormal(3000, 310, 10);
  const Matrix y = RandomRelated(x, 310, 0.3, 11);
  const double expected = Compare("cka", x, y).value;
  const double moved =
      Compare("cka", (x.array() + 1.0e6).matrix(), (y.array() + 1.0e6).matrix()).value;
  EXPECT_NEAR(moved, expected, 2.0 * std::numeric_limits<float>::epsilon());
}

TEST_F(HostileTest, BiasedCkaIsNeverNegative) {
  // Columns of a Hadamard matrix: orthogonal, so that the score is 0 but for rounding.
  Matrix h(8, 8);
  for (Index i = 0; i < 8; ++i) {
    for (Index j = 0; j < 8; ++j)
      h(i, j) = __builtin_popcountll(static_cast<unsigned long long>(i & j)) % 2 == 0 ? 1.0 : -1.0;
  }
  for (const double scale : {0.1, 0.3, 0.7, 1.1}) {
    const Score score = Compare("cka", scale * h.middleCols(1, 3), scale * h.middleCols(4, 4));
    EXPECT_GE(score.value, 0.0);
    EXPECT_LE(score.value, 64.0 * kEps);
  }
}

}  // namespace
}  // namespace gramian
