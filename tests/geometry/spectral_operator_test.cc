#include "gramian/geometry/spectral_operator.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "gramian/geometry/rsm.h"
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
using testing::RandomActivations;
using testing::RandomNormal;

using OperatorPtr = std::shared_ptr<const SpectralOperator>;

OperatorPtr OfLayer(std::shared_ptr<const Representation> layer, bool unit_rows = false) {
  auto features = std::make_shared<const CenteredFeatures>(std::move(layer), unit_rows);
  const auto moments = Moments::Compute({}, *features, Arithmetic::kFloat64).value();
  return SpectralOperator::FromMoments({}, std::move(features), *moments).value();
}

OperatorPtr OfLayer(const Matrix& x) { return OfLayer(AsFloat64(x)); }

OperatorPtr OfRsm(const Matrix& rsm) { return SpectralOperator::FromRsm({}, rsm).value(); }

Matrix RsmOf(const Matrix& x, KernelKind kind) {
  return ComputeCenteredRsm({}, *AsFloat64(x), {kind}, 2.0).value();
}

// Checks op against S~ = scale * U diag(lambda) U' and what the class promises of U and lambda.
// Eigenvectors of small eigenvalues are rotated more by rounding: by eps / lambda.
void ExpectSpectralForm(const SpectralOperator& op, const LongMatrix& centered, double mean_share) {
  const auto n = static_cast<double>(op.rows());
  const Vector& lambda = op.eigenvalues();
  ASSERT_GT(op.rank(), 0);
  EXPECT_EQ(lambda[0], 1.0);
  EXPECT_TRUE(std::is_sorted(lambda.begin(), lambda.end(), std::greater<>()));
  EXPECT_GT(lambda.minCoeff(), 0.0);
  EXPECT_EQ(op.dropped().size(), 0);
  const Matrix u = op.Eigenvectors({}).value();
  ASSERT_EQ(u.rows(), op.rank());
  ASSERT_EQ(u.cols(), op.rows());
  const auto order = static_cast<double>(std::max<Index>(op.features().cols(), 8));
  const double unit = 8.0 * order * kEpsilon * (1.0 + mean_share);
  const LongMatrix scaled = centered / std::exp(Long{op.log_scale()});
  const LongMatrix wide = u.cast<Long>();
  const LongMatrix residual = wide * scaled - lambda.cast<Long>().asDiagonal() * wide;
  const Matrix gram = u * u.transpose();
  const Vector sums = u.rowwise().sum();
  for (Index i = 0; i < op.rank(); ++i) {
    EXPECT_LE(static_cast<double>(residual.row(i).norm()), unit / std::sqrt(lambda[i])) << i;
    EXPECT_LE(std::abs(sums[i]), std::sqrt(n) * unit / std::sqrt(lambda[i])) << i;
    for (Index j = 0; j < op.rank(); ++j) {
      EXPECT_LE(std::abs(gram(i, j) - (i == j ? 1.0 : 0.0)),
                unit / std::sqrt(lambda[i] * lambda[j]))
          << i << ", " << j;
    }
  }
}

TEST(SpectralOperatorTest, OfALayerIsItsCenteredGramMatrix) {
  for (const auto& [n, d] : std::vector<std::pair<Index, Index>>{
           {2, 1}, {3, 2}, {40, 7}, {300, 30}, {30, 60}, {257, 128}}) {
    const Matrix x = RandomActivations(n, d, static_cast<uint64_t>(n + d));
    const OperatorPtr op = OfLayer(x);
    ASSERT_NE(op, nullptr);
    EXPECT_EQ(op->rank(), std::min(n - 1, d));
    ExpectSpectralForm(*op, NaiveCenteredGram(x), 0.0);
  }
}

TEST(SpectralOperatorTest, LargeMeansCostOnlyTheRoundingOfTheMean) {
  const Matrix x = testing::Rounded((RandomActivations(200, 12, 1).array() + 1.0e3).matrix());
  ExpectSpectralForm(*OfLayer(AsFloat32(x)), NaiveCenteredGram(x), 1.0e3);
}

TEST(SpectralOperatorTest, OfAnRsmIsThatRsm) {
  for (const KernelKind kind : {KernelKind::kLinear, KernelKind::kCosine, KernelKind::kRbf,
                                KernelKind::kLaplacian, KernelKind::kDistance}) {
    const Matrix x = RandomNormal(60, 5, 2);
    const Matrix rsm = ComputeRsm({}, *AsFloat64(x), {kind}, 2.0).value();
    const OperatorPtr op = OfRsm(rsm);
    ASSERT_NE(op, nullptr);
    EXPECT_TRUE(op->features().is_explicit());
    EXPECT_EQ(op->arithmetic(), Arithmetic::kFloat64);
    ExpectSpectralForm(*op, testing::NaiveCentered(rsm.cast<Long>()), 0.0);
  }
}

TEST(SpectralOperatorTest, MomentsAndRsmGiveTheSameOperator) {
  const Matrix x = RandomActivations(50, 9, 3);
  for (const bool unit_rows : {false, true}) {
    const OperatorPtr factored = OfLayer(AsFloat64(x), unit_rows);
    const OperatorPtr full = OfRsm(RsmOf(x, unit_rows ? KernelKind::kCosine : KernelKind::kLinear));
    ASSERT_EQ(factored->rank(), full->rank());
    const double unit = 8.0 * 50.0 * kEpsilon;
    EXPECT_LE((factored->eigenvalues() - full->eigenvalues()).norm(), unit);
    EXPECT_LE(std::abs(factored->log_scale() - full->log_scale()), unit);
    const double smallest = full->eigenvalues().minCoeff();
    for (const double t : {0.5, 1.0, 3.0}) {
      const double cosine = PowerOverlap::Compute({}, *factored, *full, true)->Cosine(t);
      EXPECT_LE(1.0 - cosine, unit / smallest) << t;
    }
  }
}

TEST(SpectralOperatorTest, RankIsThatOfTheCenteredLayer) {
  // Whole numbers: the product is exactly of rank 3.
  Matrix left(40, 3);
  Matrix right(3, 10);
  for (Index i = 0; i < left.size(); ++i)
    left.data()[i] = static_cast<double>((7 * i * i + 3 * i) % 11);
  for (Index i = 0; i < right.size(); ++i)
    right.data()[i] = static_cast<double>((5 * i * i + i) % 7);
  const Matrix x = left * right;
  EXPECT_EQ(OfLayer(x)->rank(), 3);
  EXPECT_EQ(OfLayer(AsFloat32(x))->rank(), 3);
  EXPECT_EQ(OfRsm(RsmOf(x, KernelKind::kLinear))->rank(), 3);
}

TEST(SpectralOperatorTest, DeadAndConstantUnitsAddNoRank) {
  Matrix x = RandomNormal(100, 12, 4);
  x.col(3).setZero();
  x.col(7).setConstant(0.1);
  x.col(11).setConstant(1.0e4 / 3.0);
  EXPECT_EQ(OfLayer(x)->rank(), 9);
  EXPECT_EQ(OfLayer(AsFloat32(x))->rank(), 9);
}

TEST(SpectralOperatorTest, CopiesOfAUnitAddNoRank) {
  Matrix x = RandomNormal(100, 8, 5);
  x.col(6) = x.col(1);
  x.col(7) = -2.0 * x.col(1);
  EXPECT_EQ(OfLayer(x)->rank(), 6);
}

TEST(SpectralOperatorTest, EqualRowsGiveNoOperator) {
  for (const Index n : {1, 2, 50, 2047}) {
    for (const double value : {0.0, 0.1, 1.0e6 / 3.0}) {
      const Matrix x = Matrix::Constant(n, 4, value);
      EXPECT_EQ(OfLayer(x), nullptr);
      EXPECT_EQ(OfLayer(AsFloat32(x)), nullptr);
      EXPECT_EQ(OfLayer(AsFloat64(x), true), nullptr);
      if (n > 100) continue;
      EXPECT_EQ(OfRsm(Matrix::Constant(n, n, value)), nullptr);
    }
  }
}

TEST(SpectralOperatorTest, RefusesAnIndefiniteRsm) {
  const Matrix half = RandomNormal(30, 30, 6);
  const Matrix distances = -RsmOf(RandomNormal(30, 3, 7), KernelKind::kDistance);
  for (const Matrix& rsm : {Matrix(half + half.transpose()), distances}) {
    EXPECT_EQ(SpectralOperator::FromRsm({}, rsm).status().code(),
              absl::StatusCode::kFailedPrecondition);
  }
}

TEST(SpectralOperatorTest, AsksForItsScratchAndNotOneByteLess) {
  const Matrix x = RandomNormal(30, 5, 8);
  auto features = std::make_shared<const CenteredFeatures>(AsFloat64(x), false);
  const auto moments = Moments::Compute({}, *features, Arithmetic::kFloat64).value();
  ComputeContext context;
  context.scratch_limit_bytes = 4 * 8 * 5 * 5;
  EXPECT_TRUE(SpectralOperator::FromMoments(context, features, *moments).ok());
  --context.scratch_limit_bytes;
  EXPECT_EQ(SpectralOperator::FromMoments(context, features, *moments).status().code(),
            absl::StatusCode::kResourceExhausted);
  context.scratch_limit_bytes = 4 * 8 * 30 * 30;
  const Matrix rsm = RsmOf(x, KernelKind::kRbf);
  EXPECT_TRUE(SpectralOperator::FromRsm(context, rsm).ok());
  --context.scratch_limit_bytes;
  EXPECT_EQ(SpectralOperator::FromRsm(context, rsm).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(SpectralOperatorTest, MaterializedItIsTheSameOperator) {
  const OperatorPtr a = OfLayer(RandomActivations(300, 9, 9));
  const OperatorPtr b = OfLayer(RandomActivations(300, 6, 10));
  const OperatorPtr explicit_a = a->Materialize({}).value();
  EXPECT_TRUE(explicit_a->features().is_explicit());
  EXPECT_EQ(explicit_a->eigenvalues(), a->eigenvalues());
  EXPECT_EQ(explicit_a->log_scale(), a->log_scale());
  EXPECT_LE((explicit_a->Eigenvectors({}).value() - a->Eigenvectors({}).value()).norm(),
            8.0 * 9.0 * kEpsilon / a->eigenvalues().minCoeff());
  EXPECT_EQ(explicit_a->size_bytes(), 8 * (9 * 300 + 9 + 9));
  const PowerOverlap factored = PowerOverlap::Compute({}, *a, *b, true).value();
  const PowerOverlap materialized = PowerOverlap::Compute({}, *explicit_a, *b, true).value();
  const double smallest = std::min(a->eigenvalues().minCoeff(), b->eigenvalues().minCoeff());
  for (const double t : {0.5, 1.0, 4.0, 32.0}) {
    EXPECT_LE(std::abs(factored.Cosine(t) - materialized.Cosine(t)),
              8.0 * 9.0 * kEpsilon / smallest);
  }
}

// Those of a covariance are orthonormal up to eps over the relative eigenvalue only, here 1e-6.
TEST(SpectralOperatorTest, MaterializedItsEigenvectorsAreOrthonormalHoweverSteepTheSpectrum) {
  const Vector decay = (Vector(7) << 1.0, 0.1, 1.0e-2, 1.0e-3, 1.0e-4, 1.0e-5, 1.0e-5).finished();
  const Matrix x = RandomNormal(1500, 7, 21) * decay.asDiagonal() * RandomNormal(7, 7, 22);
  const OperatorPtr op = OfLayer(x);
  ASSERT_EQ(op->rank(), 7);
  const Matrix modes = op->Materialize({}).value()->Eigenvectors({}).value();
  EXPECT_LE((modes * modes.transpose() - Matrix::Identity(7, 7)).norm(), 64.0 * kEpsilon);
}

TEST(SpectralOperatorTest, ThreadsDoNotChangeABit) {
  ComputeArena arena(4);
  ComputeContext threads;
  threads.arena = &arena;
  const OperatorPtr a = OfLayer(RandomActivations(1000, 9, 11));
  const OperatorPtr b = OfLayer(RandomActivations(1000, 6, 12));
  EXPECT_TRUE(testing::SameBits(a->Eigenvectors({}).value(), a->Eigenvectors(threads).value()));
  EXPECT_TRUE(testing::SameBits(EigenvectorOverlap({}, *a, *b, true).value(),
                                EigenvectorOverlap(threads, *a, *b, true).value()));
}

TEST(EigenvectorOverlapTest, IsTheProductOfTheEigenvectors) {
  const Matrix x = RandomActivations(80, 7, 13);
  const Matrix y = testing::RandomRelated(x, 5, 0.5, 14);
  const OperatorPtr a = OfLayer(x);
  const OperatorPtr b = OfLayer(y);
  const OperatorPtr explicit_b = OfRsm(RsmOf(y, KernelKind::kRbf));
  for (const OperatorPtr& other : {b, explicit_b}) {
    const Matrix overlap = EigenvectorOverlap({}, *a, *other, true).value();
    const Matrix expected =
        a->Eigenvectors({}).value() * other->Eigenvectors({}).value().transpose();
    ASSERT_EQ(overlap.rows(), expected.rows());
    ASSERT_EQ(overlap.cols(), expected.cols());
    const Vector unit =
        16.0 * 8.0 * kEpsilon * other->eigenvalues().array().sqrt().inverse().matrix();
    for (Index i = 0; i < overlap.rows(); ++i) {
      for (Index j = 0; j < overlap.cols(); ++j) {
        EXPECT_LE(std::abs(overlap(i, j) - expected(i, j)),
                  unit[j] / std::sqrt(a->eigenvalues()[i]));
      }
    }
  }
}

TEST(TruncateTest, KeepsTheLeadingPairsAndRemembersTheOthers) {
  const Matrix x = RandomActivations(60, 10, 15);
  for (const OperatorPtr& op : {OfLayer(x), OfRsm(RsmOf(x, KernelKind::kLinear))}) {
    const OperatorPtr six = op->Truncate(6);
    const OperatorPtr four = six->Truncate(4);
    EXPECT_EQ(four->rank(), 4);
    EXPECT_EQ(four->eigenvalues(), op->eigenvalues().head(4));
    EXPECT_EQ(four->dropped(), op->eigenvalues().tail(op->rank() - 4));
    EXPECT_LE((four->Eigenvectors({}).value() - op->Eigenvectors({}).value().topRows(4)).norm(),
              16.0 * 10.0 * kEpsilon);
    EXPECT_EQ(four->Materialize({}).value()->dropped(), four->dropped());
    EXPECT_EQ(op->Truncate(1)->rank(), 1);
    EXPECT_EQ(op->Truncate(op->rank())->dropped().size(), 0);
    EXPECT_EQ(op->Truncate(1000)->rank(), op->rank());
    EXPECT_LT(four->size_bytes(), op->size_bytes());
  }
}

TEST(TruncateTest, TheScoreErrsByAtMostTheBoundWhichIsNotVacuous) {
  const Matrix x = RandomActivations(120, 30, 16);
  const Matrix y = testing::RandomRelated(x, 24, 0.6, 17);
  const OperatorPtr a = OfLayer(x);
  const OperatorPtr b = OfLayer(y);
  const PowerOverlap exact = PowerOverlap::Compute({}, *a, *b, true).value();
  for (const double t : {0.5, 1.0, 2.0, 4.0, 8.0}) {
    double last_bound = 2.0;
    for (const int64_t rank : {1, 2, 4, 8, 16, 23}) {
      const OperatorPtr a_leading = a->Truncate(rank);
      const OperatorPtr b_leading = b->Truncate(rank);
      const double bound = TruncationBound(*a_leading, *b_leading, t);
      const double cosine = PowerOverlap::Compute({}, *a_leading, *b_leading, true)->Cosine(t);
      EXPECT_LE(std::abs(cosine - exact.Cosine(t)), bound) << t << ", rank " << rank;
      EXPECT_LE(bound, last_bound);
      EXPECT_LE(bound, 1.0);
      last_bound = bound;
      EXPECT_LE(TruncationBound(*a_leading, *b, t), bound);
    }
    EXPECT_LT(last_bound, t >= 2.0 ? 0.05 : 1.0) << t;
  }
  EXPECT_EQ(TruncationBound(*a, *b, 1.0), 0.0);
}

TEST(TruncateTest, TheBoundIsItsFormula) {
  const OperatorPtr a = OfLayer(RandomActivations(60, 8, 18));
  const OperatorPtr b = OfLayer(RandomActivations(60, 5, 19));
  for (const double t : {0.5, 1.0, 2.5, 16.0, 64.0}) {
    Long dropped = 0;
    Long all = 0;
    for (Index i = 0; i < 8; ++i) {
      const Long power = std::pow(Long{a->eigenvalues()[i]}, 2 * Long{t});
      all += power;
      if (i >= 5) dropped += power;
    }
    // 2 - 2 sqrt(1 - e^2) with e^2 = dropped / all, for e^2 far below rounding of 1 too.
    const Long share = dropped / all;
    const auto expected = static_cast<double>(std::sqrt(2 * share / (1 + std::sqrt(1 - share))));
    const double bound = TruncationBound(*a->Truncate(5), *b, t);
    EXPECT_LE(std::abs(bound / expected - 1.0), 8.0 * (1.0 + t) * kEpsilon) << t;
  }
}

}  // namespace
}  // namespace gramian
