#include "gramian/geometry/markov_operator.h"

#include <cmath>

#include "gramian/geometry/rsm.h"
#include "gtest/gtest.h"
#include "tests/geometry/reference.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat32;
using testing::kEpsilon;
using testing::Long;
using testing::LongMatrix;
using testing::RandomActivations;
using testing::RandomNormal;

Matrix RsmOf(const Matrix& x, KernelKind kind) {
  return ComputeRsm({}, *AsFloat32(x), {kind}, 2.0).value();
}

Matrix Full(const MarkovOperator& p) { return p.Rows(0, p.rows()); }

TEST(MarkovOperatorTest, IsASymmetricTransitionMatrixWhoseSmallestEntryIsZero) {
  for (const Index n : {2, 3, 17, 200}) {
    for (const KernelKind kind : {KernelKind::kLinear, KernelKind::kCosine, KernelKind::kRbf,
                                  KernelKind::kLaplacian, KernelKind::kDistance}) {
      const Matrix rsm = RsmOf(RandomNormal(n, 4, static_cast<uint64_t>(n)), kind);
      const MarkovOperator markov = MarkovOperator::FromRsm(rsm).value();
      const Matrix p = Full(markov);
      EXPECT_EQ(markov.rows(), n);
      EXPECT_EQ(p, p.transpose());
      EXPECT_EQ(p.minCoeff(), 0.0);
      const Vector sums = p.rowwise().sum();
      EXPECT_LE((sums.array() - 1.0).abs().maxCoeff(), 8.0 * static_cast<double>(n) * kEpsilon);
    }
  }
}

TEST(MarkovOperatorTest, IsJPlusScaledCenteredRsm) {
  const Index n = 40;
  const Matrix rsm = RsmOf(RandomActivations(n, 6, 1), KernelKind::kLinear);
  const LongMatrix centered = testing::NaiveCentered(rsm.cast<Long>());
  const Long scale = 1 / (static_cast<Long>(n) * std::abs(centered.minCoeff()));
  const MarkovOperator markov = MarkovOperator::FromRsm(rsm).value();
  const double bound = 16.0 * kEpsilon * rsm.cwiseAbs().maxCoeff();
  EXPECT_LE(static_cast<double>((markov.centered().cast<Long>() - centered).cwiseAbs().maxCoeff()),
            bound);
  EXPECT_LE(std::abs(markov.scale() / static_cast<double>(scale) - 1.0),
            bound * markov.scale() * static_cast<double>(n));
  const Matrix built = (markov.centered() * markov.scale()).array() + 1.0 / static_cast<double>(n);
  EXPECT_LE((Full(markov) - built).cwiseAbs().maxCoeff(), 4.0 * kEpsilon * built.maxCoeff());
}

TEST(MarkovOperatorTest, APowerIsJPlusThePowerOfTheCenteredPart) {
  const Index n = 12;
  const MarkovOperator markov =
      MarkovOperator::FromRsm(RsmOf(RandomActivations(n, 5, 2), KernelKind::kLinear)).value();
  const LongMatrix p = Full(markov).cast<Long>();
  const LongMatrix part = markov.centered().cast<Long>() * Long{markov.scale()};
  LongMatrix power = p;
  LongMatrix part_power = part;
  for (int t = 1; t <= 6; ++t) {
    const LongMatrix j = LongMatrix::Constant(n, n, Long{1} / n);
    const auto error = static_cast<double>((power - j - part_power).norm());
    EXPECT_LE(error, 4.0 * t * static_cast<double>(n) * kEpsilon) << t;
    power = (power * p).eval();
    part_power = (part_power * part).eval();
  }
}

TEST(MarkovOperatorTest, DoesNotDependOnScaleOrOffsetOfTheRsm) {
  const Matrix rsm = RsmOf(RandomNormal(30, 4, 3), KernelKind::kLinear);
  const Matrix p = Full(MarkovOperator::FromRsm(rsm).value());
  // By a power of 2 nothing is rounded differently.
  EXPECT_EQ(Full(MarkovOperator::FromRsm(rsm * 1024.0).value()), p);
  const double size = rsm.cwiseAbs().maxCoeff();
  const Matrix shifted = Full(MarkovOperator::FromRsm((rsm.array() + 8.0 * size).matrix()).value());
  EXPECT_LE((shifted - p).cwiseAbs().maxCoeff(), 64.0 * kEpsilon);
}

TEST(MarkovOperatorTest, RowsMayBeReadInParts) {
  const MarkovOperator markov =
      MarkovOperator::FromRsm(RsmOf(RandomNormal(11, 3, 4), KernelKind::kDistance)).value();
  const Matrix p = Full(markov);
  for (Index first = 0; first <= 11; ++first) {
    for (Index count = 0; first + count <= 11; ++count) {
      EXPECT_EQ(markov.Rows(first, count), p.middleRows(first, count));
    }
  }
}

TEST(MarkovOperatorTest, RefusesInputsWithEqualRepresentations) {
  for (const Index n : {1, 2, 3, 7, 100, 1000, 1001, 2047}) {
    for (const double entry : {0.0, 1.0, 0.1, -0.1, 1.0e6 / 3.0, 1.0e12 / 7.0, 1.0e-9}) {
      const absl::Status status = MarkovOperator::FromRsm(Matrix::Constant(n, n, entry)).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << n << " " << entry;
    }
  }
}

TEST(MarkovOperatorTest, RefusesALayerOfEqualRowsForEveryKernel) {
  const Matrix x = Matrix::Constant(300, 5, 1.0e6 / 3.0);
  for (const KernelKind kind : {KernelKind::kLinear, KernelKind::kCosine, KernelKind::kRbf,
                                KernelKind::kLaplacian, KernelKind::kDistance}) {
    EXPECT_EQ(MarkovOperator::FromRsm(RsmOf(x, kind)).status().code(),
              absl::StatusCode::kFailedPrecondition);
  }
}

TEST(MarkovOperatorTest, KeepsAFaintDifferenceBesideLargeEntries) {
  // Entries of 1e6 that differ by 1e-3: far above rounding.
  const Matrix half = RandomNormal(20, 20, 5);
  const Matrix rsm = (1.0e-3 * (half + half.transpose()).array() + 1.0e6).matrix();
  EXPECT_TRUE(MarkovOperator::FromRsm(rsm).ok());
}

}  // namespace
}  // namespace gramian
