#include <cmath>
#include <limits>
#include <string>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive.h"

namespace gramian {
namespace {

using testing::Compare;
using testing::NaiveRsm;
using testing::NaiveSong;
using testing::RandomActivations;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class MinibatchAlignmentTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  // The definition, batch by batch.
  static double Naive(const Matrix& x, const Matrix& y, const KernelSpec& kernel, Index batch,
                      bool by_pairs) {
    double cross = 0.0;
    double x_self = 0.0;
    double y_self = 0.0;
    for (Index first = 0; x.rows() - first >= 4; first += batch) {
      const Index count = std::min(batch, x.rows() - first);
      // Means change nothing but the rounding of the reference.
      const auto rows = [&](const Matrix& layer) -> Matrix {
        const Matrix batch_rows = layer.middleRows(first, count);
        return batch_rows.rowwise() - batch_rows.colwise().mean();
      };
      const Matrix k = NaiveRsm(rows(x), kernel);
      const Matrix l = NaiveRsm(rows(y), kernel);
      const auto n = static_cast<double>(count);
      const double weight = by_pairs ? 1.0 : 1.0 / (n * (n - 3.0));
      cross += weight * NaiveSong(k, l);
      x_self += weight * NaiveSong(k, k);
      y_self += weight * NaiveSong(l, l);
    }
    return cross / std::sqrt(x_self * y_self);
  }
};

TEST_F(MinibatchAlignmentTest, EveryBatchIsAsDefined) {
  const Matrix x = RandomActivations(70, 6, 1);
  for (const Index cols : {4, 90}) {
    const Matrix y = RandomRelated(x, cols, 0.5, 2);
    // 70 = 4 * 16 + 6 = 3 * 23 + 1, of which the one is left out.
    for (const Index batch : {4, 16, 23, 70, 1000}) {
      for (const bool by_pairs : {false, true}) {
        const std::string name = "minibatch-cka-batch=" + std::to_string(batch) +
                                 "-weights=" + (by_pairs ? "pairs" : "equal");
        EXPECT_NEAR(Compare(name, x, y).value, Naive(x, y, {}, batch, by_pairs), 4096.0 * kEps)
            << name << " " << cols;
      }
    }
  }
}

TEST_F(MinibatchAlignmentTest, ABandwidthIsThatOfTheBatch) {
  const Matrix x = RandomActivations(50, 6, 3);
  const Matrix y = RandomRelated(x, 5, 0.5, 4);
  const KernelSpec kernel{KernelKind::kRbf, BandwidthRule::kMedian, 0.5};
  EXPECT_NEAR(Compare("minibatch-cka-kernel=rbf-bandwidth=median:0.5-batch=10", x, y).value,
              Naive(x, y, kernel, 10, false), 4096.0 * kEps);
}

TEST_F(MinibatchAlignmentTest, OneBatchIsTheDebiasedEstimator) {
  const Matrix x = RandomActivations(40, 5, 5);
  const Matrix y = RandomRelated(x, 7, 0.5, 6);
  const double debiased = Compare("cka-hsic=song", x, y).value;
  for (const char* weights : {"equal", "pairs"}) {
    EXPECT_NEAR(Compare(std::string("minibatch-cka-batch=40-weights=") + weights, x, y).value,
                debiased, 64.0 * kEps);
  }
}

// A side that says nothing about one batch has its self terms of the others.
TEST_F(MinibatchAlignmentTest, AConstantBatchCountsOnTheOtherSideOnly) {
  Matrix x = RandomActivations(30, 5, 7);
  const Matrix y = RandomRelated(x, 7, 0.5, 8);
  x.topRows(10).rowwise() = x.row(0).eval();
  EXPECT_NEAR(Compare("minibatch-cka-batch=10", x, y).value, Naive(x, y, {}, 10, false),
              4096.0 * kEps);
}

TEST_F(MinibatchAlignmentTest, FormsAgree) {
  const Matrix x = RandomActivations(60, 5, 9);
  const Matrix y = RandomRelated(x, 7, 0.5, 10);
  const std::string name = "minibatch-cka-batch=20";
  const Score feature = Compare(name, x, y, Form::kFeatureSpace);
  const Score sample = Compare(name, x, y, Form::kSampleSpace);
  EXPECT_EQ(feature.form, Form::kFeatureSpace);
  EXPECT_EQ(sample.form, Form::kSampleSpace);
  EXPECT_NEAR(feature.value, sample.value, 4096.0 * kEps);
}

}  // namespace
}  // namespace gramian
