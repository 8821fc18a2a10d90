#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::CompareNetworks;
using testing::NaiveCentered;
using testing::NaiveRsm;
using testing::RandomActivations;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class MultiScaleTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  const Matrix x_ = RandomActivations(48, 7, 1);
  const Matrix y_ = RandomRelated(x_, 10, 0.6, 2);
};

TEST_F(MultiScaleTest, TimeOneIsTheOrdinaryMeasure) {
  EXPECT_NEAR(Compare("ms-cka-t=1", x_, y_).value, Compare("cka", x_, y_).value, 64.0 * kEps);
  EXPECT_NEAR(Compare("ms-distcorr-t=1", x_, y_).value, Compare("distcorr", x_, y_).value,
              64.0 * kEps);
  EXPECT_NEAR(Compare("ms-cka-kernel=rbf-t=1", x_, y_).value,
              Compare("cka-kernel=rbf", x_, y_).value, 64.0 * kEps);
}

TEST_F(MultiScaleTest, IntegerTimesAreMatrixPowers) {
  for (const int t : {2, 3, 4, 8, 16, 64}) {
    const double bound = 1024.0 * t * kEps;
    EXPECT_NEAR(Compare(absl::StrCat("ms-cka-t=", t), x_, y_).value,
                testing::NaivePowerCosine(NaiveRsm(x_, {}), NaiveRsm(y_, {}), t), bound);
    const KernelSpec distance{KernelKind::kDistance};
    EXPECT_NEAR(
        Compare(absl::StrCat("ms-distcorr-t=", t), x_, y_).value,
        std::sqrt(testing::NaivePowerCosine(NaiveRsm(x_, distance), NaiveRsm(y_, distance), t)),
        bound);
  }
}

// Goal: at large t the literal recipe (build P, take P^t, centre) is rounding noise; the measure is
// not.
TEST_F(MultiScaleTest, LargeTimesAreRightWhereTheLiteralRecipeFails) {
  const int t = 32;
  using Exact = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
  const auto exact_power = [&](const Matrix& x) {
    Exact base = (x.rowwise() - x.colwise().mean()).cast<long double>();
    base = (base * base.transpose()).eval();
    base /= base.norm();
    Exact power = base;
    for (int i = 1; i < t; ++i) {
      power = (power * base).eval();
      power /= power.norm();
    }
    return power;
  };
  const auto reference = static_cast<double>(exact_power(x_).cwiseProduct(exact_power(y_)).sum());
  const auto literal_power = [&](const Matrix& x) {
    const Matrix centered = NaiveCentered(NaiveRsm(x, {}));
    const auto n = static_cast<double>(x.rows());
    const double least = -centered.minCoeff();
    const Matrix p = ((centered.array() + least) / (n * least)).matrix();
    Matrix power = p;
    for (int i = 1; i < t; ++i) power = (power * p).eval();
    return NaiveCentered(power);
  };
  const Matrix a = literal_power(x_);
  const Matrix b = literal_power(y_);
  const double literal = a.cwiseProduct(b).sum() / (a.norm() * b.norm());
  EXPECT_NEAR(Compare("ms-cka-t=32", x_, y_).value, reference, 4096.0 * t * kEps);
  EXPECT_GT(std::abs(literal - reference), 0.01);
}

TEST_F(MultiScaleTest, RealTimesInterpolateMonotonouslyInTheExponent) {
  // t -> infinity: squared cosine of the leading eigenvectors; t -> 0: overlap of the subspaces /
  // sqrt(rank rank).
  const Matrix xc = x_.rowwise() - x_.colwise().mean();
  const Matrix yc = y_.rowwise() - y_.colwise().mean();
  const SymmetricEigen a = EigenDecompose(xc * xc.transpose()).value();
  const SymmetricEigen b = EigenDecompose(yc * yc.transpose()).value();
  const Matrix overlap = (a.vectors.topRows(7) * b.vectors.topRows(10).transpose()).cwiseAbs2();
  EXPECT_NEAR(Compare("ms-cka-t=100000", x_, y_).value, overlap(0, 0), 1.0e5 * 64.0 * kEps);
  const double t = 1.0e-9;
  EXPECT_NEAR(Compare("ms-cka-t=1e-9", x_, y_).value, overlap.sum() / std::sqrt(70.0),
              1.0e5 * kEps + 100.0 * t);
  for (const double real : {0.25, 0.5, 1.5, 2.75}) {
    const Vector lambda = (a.values.head(7) / a.values[0]).array().pow(real).matrix();
    const Vector mu = (b.values.head(10) / b.values[0]).array().pow(real).matrix();
    EXPECT_NEAR(Compare(absl::StrCat("ms-cka-t=", real), x_, y_).value,
                lambda.dot(overlap * mu) / (lambda.norm() * mu.norm()), 1.0e5 * kEps);
  }
}

TEST_F(MultiScaleTest, FusionPowerAndDiffusionTimeMultiply) {
  const std::vector<Matrix> a = {x_, RandomRelated(x_, 6, 0.7, 3)};
  const std::vector<Matrix> b = {y_, RandomRelated(y_, 5, 0.7, 4), RandomRelated(y_, 9, 0.5, 5)};
  for (const FusionOrder order :
       {FusionOrder::kSymmetrized, FusionOrder::kReversed, FusionOrder::kProduct}) {
    const double expected = CompareNetworks("ms-cka-t=6", a, b, Fusion{order, 1.0}).value;
    EXPECT_EQ(CompareNetworks("ms-cka-t=2", a, b, Fusion{order, 3.0}).value, expected);
    EXPECT_EQ(CompareNetworks("cka", a, b, Fusion{order, 6.0}).value, expected);
  }
}

TEST_F(MultiScaleTest, AProductHasIntegerPowersOnly) {
  NoCache cache;
  const std::vector<std::shared_ptr<const Representation>> layers = {testing::AsFloat64(x_),
                                                                     testing::AsFloat64(y_)};
  const Operand network(layers, Fusion{FusionOrder::kProduct, 1.0}, &cache);
  EXPECT_EQ(testing::TryCompare("ms-cka-t=1.5", network, network).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(MultiScaleTest, APowerOfAProductHasALimit) {
  NoCache cache;
  const std::vector<std::shared_ptr<const Representation>> layers = {testing::AsFloat64(x_),
                                                                     testing::AsFloat64(y_)};
  const auto compare = [&](const std::string& t, double power) {
    const Operand network(layers, Fusion{FusionOrder::kProduct, power}, &cache);
    return testing::TryCompare("ms-cka-t=" + t, network, network).status();
  };
  EXPECT_TRUE(compare("1024", 1.0).ok());
  EXPECT_TRUE(compare("16", 64.0).ok());
  for (const auto& [t, power] :
       {std::pair("1025", 1.0), {"17", 64.0}, {"1e19", 1.0}, {"1e300", 2.0}}) {
    const absl::Status status = compare(t, power);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << t;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("at most 1024")) << t;
  }
}

TEST_F(MultiScaleTest, NetworksFusedDifferentlyAreNotCompared) {
  NoCache cache;
  const std::vector<std::shared_ptr<const Representation>> layers = {testing::AsFloat64(x_),
                                                                     testing::AsFloat64(y_)};
  const Operand forth(layers, Fusion{FusionOrder::kSymmetrized, 1.0}, &cache);
  const Operand back(layers, Fusion{FusionOrder::kReversed, 1.0}, &cache);
  const Operand layer(layers[0], &cache);
  EXPECT_FALSE(testing::TryCompare("ms-cka-t=2", forth, back).ok());
  EXPECT_FALSE(testing::TryCompare("ms-cka-t=2", forth, layer).ok());
}

TEST_F(MultiScaleTest, ANetworkWithAConstantLayerHasNoScore) {
  // Not a float32 number, so that the mean of its 48 rows is rounded.
  const Matrix constant = Matrix::Constant(48, 3, 0.1);
  for (const FusionOrder order : {FusionOrder::kSymmetrized, FusionOrder::kProduct}) {
    const Score first =
        CompareNetworks("ms-cka-t=2", {x_, constant, y_}, {x_, y_}, Fusion{order, 1.0});
    EXPECT_EQ(first.status, ScoreStatus::kConstant) << ToString(order);
    const Score last =
        CompareNetworks("ms-distcorr-t=2", {x_, constant}, {x_, y_}, Fusion{order, 1.0});
    EXPECT_EQ(last.status, ScoreStatus::kConstant) << ToString(order);
  }
}

}  // namespace
}  // namespace gramian
