#include "gramian/geometry/rsm.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/geometry/reference.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat32;
using testing::AsFloat64;
using testing::kEpsilon;
using testing::kEpsilonF;
using testing::LongMatrix;
using testing::NaiveCentered;
using testing::NaiveRsm;
using testing::RandomNormal;
using testing::Rounded;
using testing::SameBits;

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr double kSigma = 1.7;
constexpr KernelKind kKinds[] = {KernelKind::kLinear, KernelKind::kCosine, KernelKind::kRbf,
                                 KernelKind::kLaplacian, KernelKind::kDistance};

// n rows of whole numbers whose mean is exactly 0, so that squared distances are exact also in
// float32.
Matrix RandomIntegers(Index n, Index d, int largest, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<int> integer(-largest, largest);
  Matrix x = Matrix::Zero(n, d);
  for (Index i = 0; i + 1 < n; i += 2) {
    for (Index j = 0; j < d; ++j) x(i, j) = integer(random);
    x.row(i + 1) = -x.row(i);
  }
  return x;
}

// |x_i - x_j|^2 of every i < j.
std::vector<double> AllPairs(const Matrix& x) {
  std::vector<double> pairs;
  pairs.reserve(static_cast<size_t>(x.rows() * (x.rows() - 1) / 2));
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index j = i + 1; j < x.rows(); ++j) {
      double squared = 0.0;
      for (Index k = 0; k < x.cols(); ++k) squared += std::pow(x(i, k) - x(j, k), 2);
      pairs.push_back(squared);
    }
  }
  return pairs;
}

// What the rules say, from a list of every squared distance of n inputs.
double NaiveBandwidth(const std::vector<double>& pairs, Index n, const KernelSpec& kernel) {
  std::vector<double> values = pairs;
  if (kernel.rule == BandwidthRule::kKornblith) {
    values.insert(values.end(), pairs.begin(), pairs.end());
    values.resize(values.size() + static_cast<size_t>(n), 0.0);
  }
  const auto at = [&](size_t rank) {
    std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(rank), values.end());
    return values[rank];
  };
  const double lower = at((values.size() - 1) / 2);
  if (kernel.rule == BandwidthRule::kLowerMedian) return kernel.factor * std::sqrt(lower);
  return kernel.factor * std::sqrt(0.5 * (lower + at(values.size() / 2)));
}

constexpr BandwidthRule kMedians[] = {BandwidthRule::kMedian, BandwidthRule::kKornblith,
                                      BandwidthRule::kLowerMedian};

TEST(ComputeBandwidthTest, IsZeroOrTheGivenNumberWithoutARule) {
  const auto layer = AsFloat32(RandomNormal(1, 3, 1));
  for (const KernelKind kind : {KernelKind::kLinear, KernelKind::kCosine, KernelKind::kDistance}) {
    EXPECT_EQ(ComputeBandwidth({}, *layer, {kind}).value(), 0.0);
  }
  EXPECT_EQ(ComputeBandwidth({}, *layer, {KernelKind::kRbf, BandwidthRule::kFixed, 0.3}).value(),
            0.3);
}

TEST(ComputeBandwidthTest, IsTheMedianOfASortedListForEveryRuleAndCount) {
  for (const Index n : {2, 3, 4, 5, 6, 7, 8, 31, 255, 256, 257, 300}) {
    for (const int largest : {2, 100}) {
      const Matrix x = RandomIntegers(n, 3, largest, static_cast<uint64_t>(n));
      const std::vector<double> pairs = AllPairs(x);
      for (const BandwidthRule rule : kMedians) {
        const KernelSpec kernel{KernelKind::kRbf, rule, 0.5};
        const double expected = NaiveBandwidth(pairs, n, kernel);
        const absl::StatusOr<double> sigma = ComputeBandwidth({}, *AsFloat32(x), kernel);
        if (expected == 0.0) {
          EXPECT_EQ(sigma.status().code(), kPrecondition);
          continue;
        }
        ASSERT_TRUE(sigma.ok()) << sigma.status();
        EXPECT_LE(std::abs(*sigma - expected), 4.0 * kEpsilon * expected)
            << n << " " << kernel.ToString();
      }
    }
  }
}

TEST(ComputeBandwidthTest, DuplicatesCountAsPairs) {
  // 4 of 6 pairs are (a, b), 2 coincide: the median is |a - b|; of all 16 values 8 are 0.
  Matrix x(4, 1);
  x << 1.0, 1.0, 4.0, 4.0;
  const auto layer = AsFloat32(x);
  const auto bandwidth = [&](BandwidthRule rule) {
    return ComputeBandwidth({}, *layer, {KernelKind::kRbf, rule, 1.0}).value();
  };
  EXPECT_DOUBLE_EQ(bandwidth(BandwidthRule::kMedian), 3.0);
  EXPECT_DOUBLE_EQ(bandwidth(BandwidthRule::kLowerMedian), 3.0);
  EXPECT_DOUBLE_EQ(bandwidth(BandwidthRule::kKornblith), std::sqrt(4.5));
}

TEST(ComputeBandwidthTest, RefusesAMedianOfZero) {
  Matrix x = Matrix::Constant(9, 2, 0.1);
  x(8, 0) = 5.0;
  for (const BandwidthRule rule : kMedians) {
    const KernelSpec kernel{KernelKind::kRbf, rule, 1.0};
    EXPECT_EQ(ComputeBandwidth({}, *AsFloat64(x), kernel).status().code(), kPrecondition);
    EXPECT_EQ(ComputeBandwidth({}, *AsFloat64(x.topRows(1)), kernel).status().code(),
              kPrecondition);
  }
}

// Up to 4096 inputs all distances are kept; from 4097 on they are selected by their bits.
TEST(ComputeBandwidthTest, BothWaysOfSelectingFindTheMedian) {
  for (const Index n : {4096, 4097}) {
    const Matrix x = RandomIntegers(n, 2, 300, 9);
    const std::vector<double> pairs = AllPairs(x);
    for (const BandwidthRule rule : kMedians) {
      const KernelSpec kernel{KernelKind::kLaplacian, rule, 2.0};
      const double expected = NaiveBandwidth(pairs, n, kernel);
      const double sigma = ComputeBandwidth({}, *AsFloat32(x), kernel).value();
      EXPECT_LE(std::abs(sigma - expected), 4.0 * kEpsilon * expected) << n;
    }
  }
}

TEST(ComputeBandwidthTest, SelectingByBitsErrsByRoundingToFloat32Only) {
  const Index n = 4100;
  const Matrix x = Rounded(RandomNormal(n, 3, 10));
  const std::vector<double> pairs = AllPairs(x);
  for (const BandwidthRule rule : kMedians) {
    const KernelSpec kernel{KernelKind::kRbf, rule, 1.0};
    const double expected = NaiveBandwidth(pairs, n, kernel);
    const double sigma = ComputeBandwidth({}, *AsFloat32(x), kernel).value();
    EXPECT_LE(std::abs(sigma - expected), 8.0 * kEpsilonF * expected);
  }
}

TEST(ComputeBandwidthTest, ThreadsDoNotChangeABit) {
  ComputeArena arena(4);
  ComputeContext threads;
  threads.arena = &arena;
  for (const Index n : {300, 4100}) {
    const auto layer = AsFloat32(RandomNormal(n, 3, 11));
    const KernelSpec kernel{KernelKind::kRbf, BandwidthRule::kKornblith, 1.0};
    EXPECT_EQ(ComputeBandwidth({}, *layer, kernel).value(),
              ComputeBandwidth(threads, *layer, kernel).value());
  }
}

// Largest |error| of an entry, in units of what d products of rounded centred features may cost.
// Distances are compared squared: that is what is computed.
double EntryError(const Matrix& rsm, const LongMatrix& expected, const KernelSpec& kernel) {
  LongMatrix wide = rsm.cast<testing::Long>();
  if (kernel.kind != KernelKind::kDistance) {
    return static_cast<double>((wide - expected).cwiseAbs().maxCoeff());
  }
  return static_cast<double>((wide.cwiseAbs2() - expected.cwiseAbs2()).cwiseAbs().maxCoeff());
}

TEST(ComputeRsmTest, EveryKernelIsItsFormula) {
  constexpr Index kFeatures = 5;
  for (const Index n : {1, 2, 3, 4, 255, 256, 257, 513}) {
    const Matrix x = RandomNormal(n, kFeatures, static_cast<uint64_t>(n));
    const double largest = x.rowwise().squaredNorm().maxCoeff();
    for (const KernelKind kind : kKinds) {
      const KernelSpec kernel{kind};
      const Matrix rsm = ComputeRsm({}, *AsFloat64(x), kernel, kSigma).value();
      // exp(-u) changes by at most the change of u, and u is |x_i - x_j|^2 over 2 sigma^2 > 1, or
      // |x_i - x_j| / sigma, whose change is bounded where no pair is close.
      const double bound = 16.0 * kFeatures * kEpsilon * std::max(largest, 1.0);
      EXPECT_LE(EntryError(rsm, NaiveRsm(x, kernel, kSigma), kernel), bound)
          << n << " " << kernel.ToString();
      EXPECT_EQ(rsm, rsm.transpose());
    }
  }
}

TEST(ComputeRsmTest, WholeNumbersGiveAnExactGramMatrixAndDistances) {
  const Matrix x = RandomIntegers(300, 4, 50, 12);
  const auto layer = AsFloat32(x);
  EXPECT_EQ(ComputeRsm({}, *layer, {KernelKind::kLinear}, 0.0).value(), x * x.transpose());
  const Matrix distances = ComputeRsm({}, *layer, {KernelKind::kDistance}, 0.0).value();
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index j = 0; j < x.rows(); ++j) {
      ASSERT_EQ(distances(i, j), -std::sqrt((x.row(i) - x.row(j)).squaredNorm()));
    }
  }
}

TEST(ComputeRsmTest, CoincidingInputsHaveDistanceZero) {
  for (const double mean : {0.0, 1.0e6}) {
    Matrix x = (RandomNormal(300, 7, 13).array() + mean).matrix();
    x.row(290) = x.row(3);
    x.row(4) = x.row(3);
    const auto layer = AsFloat32(x);
    const Matrix distances = ComputeRsm({}, *layer, {KernelKind::kDistance}, 0.0).value();
    EXPECT_EQ(distances.diagonal().cwiseAbs().maxCoeff(), 0.0);
    EXPECT_EQ(distances(3, 290), 0.0);
    EXPECT_EQ(distances(4, 3), 0.0);
    EXPECT_LT(distances(3, 5), 0.0);
    for (const KernelKind kind : {KernelKind::kRbf, KernelKind::kLaplacian}) {
      const Matrix rsm = ComputeRsm({}, *layer, {kind}, kSigma).value();
      EXPECT_EQ(rsm(3, 290), 1.0);
      EXPECT_EQ(rsm(290, 290), 1.0);
    }
  }
}

TEST(ComputeRsmTest, CloseInputsKeepTheirDistanceFarFromTheOrigin) {
  // Rows that differ by 2^-20 in one feature at a distance of about 2^10: the expanded form would
  // lose the difference altogether.
  Matrix x = RandomIntegers(10, 3, 1000, 14);
  x.row(8) = x.row(2);
  x(8, 1) += 0x1p-20;
  const Matrix distances = ComputeRsm({}, *AsFloat64(x), {KernelKind::kDistance}, 0.0).value();
  const double centering = 3.0 * 2000.0 * kEpsilon;
  EXPECT_LE(std::abs(distances(2, 8) + 0x1p-20), centering);
}

TEST(ComputeRsmTest, AZeroRowHasCosineZeroWithEverything) {
  Matrix x = RandomNormal(6, 3, 15);
  x.row(2).setZero();
  const Matrix rsm = ComputeRsm({}, *AsFloat32(x), {KernelKind::kCosine}, 0.0).value();
  EXPECT_EQ(rsm.row(2).cwiseAbs().maxCoeff(), 0.0);
  EXPECT_EQ(rsm.col(2).cwiseAbs().maxCoeff(), 0.0);
}

TEST(ComputeRsmTest, AsksForItsScratchAndNotOneByteLess) {
  const auto layer = AsFloat32(RandomNormal(20, 3, 16));
  ComputeContext context;
  context.scratch_limit_bytes = 8 * 20 * (20 + 3);
  EXPECT_TRUE(ComputeRsm(context, *layer, {KernelKind::kLinear}, 0.0).ok());
  --context.scratch_limit_bytes;
  EXPECT_EQ(ComputeRsm(context, *layer, {KernelKind::kLinear}, 0.0).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(ComputeRsmTest, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  ComputeContext context;
  context.stop = source.get_token();
  const auto layer = AsFloat32(RandomNormal(20, 3, 17));
  EXPECT_EQ(ComputeRsm(context, *layer, {KernelKind::kRbf}, 1.0).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(ComputeBandwidth(context, *layer, {KernelKind::kRbf}).status().code(),
            absl::StatusCode::kCancelled);
}

TEST(ComputeRsmTest, ThreadsDoNotChangeABit) {
  ComputeArena arena(4);
  ComputeContext threads;
  threads.arena = &arena;
  const auto layer = AsFloat32(RandomNormal(700, 20, 18));
  for (const KernelKind kind : kKinds) {
    EXPECT_TRUE(SameBits(ComputeRsm({}, *layer, {kind}, 3.0).value(),
                         ComputeRsm(threads, *layer, {kind}, 3.0).value()));
  }
}

TEST(ComputeCenteredRsmTest, IsHKHAlsoWhenMeansAreLarge) {
  for (const double mean : {0.0, 1.0e2, 1.0e6}) {
    const Matrix x = Rounded((RandomNormal(80, 6, 19).array() + mean).matrix());
    const auto layer = AsFloat32(x);
    for (const KernelKind kind : kKinds) {
      const LongMatrix expected = kind == KernelKind::kLinear
                                      ? testing::NaiveCenteredGram(x)
                                      : NaiveCentered(NaiveRsm(x, {kind}, kSigma));
      const Matrix centered = ComputeCenteredRsm({}, *layer, {kind}, kSigma).value();
      // Unit rows are rounded before the mean is taken off: n roundings of 1 remain.
      const double bound = 16.0 * kEpsilon * (80.0 + 8.0 * static_cast<double>(expected.norm()));
      EXPECT_LE(static_cast<double>((centered.cast<testing::Long>() - expected).norm()), bound)
          << mean << " " << KernelSpec{kind}.ToString();
      EXPECT_EQ(centered, centered.transpose());
    }
  }
}

TEST(DoubleCenterTest, IsExactForWholeNumbers) {
  // Multiples of 16 in a 4 x 4 matrix: all means are whole numbers.
  Matrix rsm(4, 4);
  rsm << 16, 32, -48, 64, 32, 0, 160, 16, -48, 160, 32, -16, 64, 16, -16, 48;
  const LongMatrix expected = NaiveCentered(rsm.cast<testing::Long>());
  DoubleCenter(rsm);
  EXPECT_EQ(rsm, expected.cast<double>());
  EXPECT_EQ(rsm.rowwise().sum(), Vector(Vector::Zero(4)));
}

TEST(DoubleCenterTest, RowsSumToZeroAndSymmetryStays) {
  const Matrix half = RandomNormal(101, 101, 20);
  Matrix rsm = ((half + half.transpose()).array() + 1.0e3).matrix();
  const double bound = 4.0 * 101.0 * kEpsilon * rsm.cwiseAbs().maxCoeff();
  const LongMatrix expected = NaiveCentered(rsm.cast<testing::Long>());
  DoubleCenter(rsm);
  EXPECT_EQ(rsm, rsm.transpose());
  EXPECT_LE(rsm.rowwise().sum().cwiseAbs().maxCoeff(), bound);
  EXPECT_LE(static_cast<double>((rsm.cast<testing::Long>() - expected).cwiseAbs().maxCoeff()),
            bound);
}

}  // namespace
}  // namespace gramian
