// Goal: transfers are the best of their kind, ranks are those of a sort. Method: maps that are
// known, and plain loops.
#include "gramian/measure/representation_transfer.h"

#include <Eigen/LU>
#include <limits>
#include <stop_token>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::RandomNormal;
using testing::RandomOrthogonal;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class RepresentationTransferTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
};

TEST_F(RepresentationTransferTest, KnownMapsAreFound) {
  const Matrix a = RandomNormal(50, 8, 1);
  const Matrix linear = RandomNormal(8, 5, 2);
  EXPECT_LE((FitTransfer({}, a, a * linear, TransferKind::kLinear).value() - linear).norm(),
            1024.0 * kEps * linear.norm());
  const Matrix rotation = RandomOrthogonal(8, 3);
  EXPECT_LE(
      (FitTransfer({}, a, 3.0 * a * rotation, TransferKind::kOrthogonal).value() - rotation).norm(),
      1024.0 * kEps);
  // Into more and into fewer features.
  for (const Index cols : {5, 12}) {
    const Matrix t =
        FitTransfer({}, a, RandomNormal(50, cols, 4), TransferKind::kOrthogonal).value();
    const Matrix gram = cols < 8 ? Matrix(t.transpose() * t) : Matrix(t * t.transpose());
    EXPECT_LE((gram - Matrix::Identity(gram.rows(), gram.cols())).norm(), 64.0 * kEps);
  }
}

// Fewer pairs than features: every pair is met, and nothing else is done.
TEST_F(RepresentationTransferTest, OfSeveralBestTheSmallestIsTaken) {
  const Matrix a = RandomNormal(3, 8, 5);
  const Matrix b = RandomNormal(3, 4, 6);
  const Matrix t = FitTransfer({}, a, b, TransferKind::kLinear).value();
  EXPECT_LE((a * t - b).norm(), 1.0e-12 * b.norm());
  // In the span of the rows of a.
  const Matrix projector = a.transpose() * (a * a.transpose()).inverse() * a;
  EXPECT_LE((projector * t - t).norm(), 1.0e-12 * t.norm());
  const Matrix rotation = FitTransfer({}, a, b, TransferKind::kOrthogonal).value();
  EXPECT_LE((projector * rotation - rotation).norm(), 1.0e-12);
  // A projector of rank 3.
  const Matrix gram = rotation.transpose() * rotation;
  EXPECT_LE((gram * gram - gram).norm(), 1.0e-12);
  EXPECT_NEAR(gram.trace(), 3.0, 1.0e-12);
  for (const TransferKind kind : {TransferKind::kLinear, TransferKind::kOrthogonal}) {
    EXPECT_EQ(FitTransfer({}, Matrix::Zero(3, 8), b, kind).value(), Matrix(Matrix::Zero(8, 4)));
  }
}

TEST_F(RepresentationTransferTest, RanksAreThoseOfASort) {
  const Matrix truth = RandomNormal(300, 6, 7);
  const Matrix answers = truth + RandomNormal(300, 6, 8);
  double expected = 0.0;
  for (Index i = 0; i < 300; ++i) {
    const auto cosine = [&](Index j) {
      return answers.row(i).dot(truth.row(j)) / (answers.row(i).norm() * truth.row(j).norm());
    };
    int rank = 1;
    for (Index j = 0; j < 300; ++j) rank += cosine(j) > cosine(i) ? 1 : 0;
    expected += 1.0 / rank / 300.0;
  }
  EXPECT_NEAR(MeanReciprocalRank({}, answers, truth).value(), expected, 16.0 * kEps);
  EXPECT_EQ(MeanReciprocalRank({}, truth, truth).value(), 1.0);
  // All answers are at right angles to everything.
  EXPECT_EQ(MeanReciprocalRank({}, Matrix::Zero(10, 6), truth.topRows(10)).value(), 1.0);
  EXPECT_EQ(MeanReciprocalRank({}, -truth.topRows(2), truth.topRows(2)).value(), 0.5);
}

TEST_F(RepresentationTransferTest, NamesAndLimitsAreChecked) {
  EXPECT_EQ(ParseTransferKind("linear").value(), TransferKind::kLinear);
  EXPECT_EQ(ParseTransferKind(ToString(TransferKind::kOrthogonal)).value(),
            TransferKind::kOrthogonal);
  EXPECT_EQ(ParseTransferKind("affine").status().code(), absl::StatusCode::kInvalidArgument);
  ComputeContext small;
  small.scratch_limit_bytes = 100;
  const Matrix a = RandomNormal(5, 4, 9);
  EXPECT_EQ(FitTransfer(small, a, a, TransferKind::kLinear).status().code(),
            absl::StatusCode::kResourceExhausted);
  std::stop_source source;
  source.request_stop();
  ComputeContext stopped;
  stopped.stop = source.get_token();
  EXPECT_EQ(MeanReciprocalRank(stopped, a, a).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(FitTransfer(stopped, a, a, TransferKind::kLinear).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace gramian
