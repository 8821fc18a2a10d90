#include "gramian/engine/operator_view.h"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gramian/base/matrix.h"
#include "gramian/geometry/markov_operator.h"
#include "gramian/geometry/rsm.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using View = OperatorRequest::View;
using Layers = std::vector<std::shared_ptr<const Representation>>;

constexpr int64_t kInputs = 24;
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

std::shared_ptr<const Representation> RandomLayer(int64_t d, uint64_t seed) {
  return testing::AsFloat32(testing::RandomNormal(kInputs, d, seed));
}

// P of a layer, literally.
Matrix LiteralMarkov(const std::shared_ptr<const Representation>& layer, const KernelSpec& kernel) {
  const double sigma = ComputeBandwidth({}, *layer, kernel).value();
  const MarkovOperator markov =
      MarkovOperator::FromRsm(ComputeRsm({}, *layer, kernel, sigma).value()).value();
  return markov.Rows(0, layer->rows());
}

Matrix ToMatrix(const OperatorView& view) {
  return Eigen::Map<const Matrix>(view.values.data(), view.rows, view.cols);
}

// The view; n x n products of P agree with it to a few roundings of its norm, which is at least 1.
Matrix Show(const Operand& operand, const OperatorRequest& request) {
  NoCache cache;
  const absl::StatusOr<OperatorView> view = ViewOperator({}, operand, request, &cache);
  EXPECT_TRUE(view.ok()) << view.status();
  return view.ok() ? ToMatrix(*view) : Matrix();
}

void ExpectClose(const Matrix& actual, const Matrix& expected) {
  ASSERT_EQ(actual.rows(), expected.rows());
  ASSERT_EQ(actual.cols(), expected.cols());
  EXPECT_LE((actual - expected).norm(), 100.0 * kInputs * kEpsilon * expected.norm());
}

void ExpectMarkov(const Matrix& rows) {
  EXPECT_GE(rows.minCoeff(), 0.0);
  for (Index i = 0; i < rows.rows(); ++i) {
    EXPECT_NEAR(rows.row(i).sum(), 1.0, 16.0 * kInputs * kEpsilon);
  }
}

OperatorRequest Request(View view, const KernelSpec& kernel = {}) {
  OperatorRequest request;
  request.view = view;
  request.kernel = kernel;
  return request;
}

const KernelSpec kRbf{KernelKind::kRbf, BandwidthRule::kMedian, 1.0};

class OperatorViewTest : public ::testing::Test {
 protected:
  NoCache cache_;
  // Narrow, wider than n, and of another width again.
  const Layers layers_ = {RandomLayer(7, 1), RandomLayer(40, 2), RandomLayer(5, 3)};
};

TEST_F(OperatorViewTest, RowsOfALayerAreItsMarkovOperator) {
  for (const KernelSpec& kernel :
       {KernelSpec{}, KernelSpec{KernelKind::kCosine}, kRbf, KernelSpec{KernelKind::kDistance}}) {
    const Matrix rows = Show(Operand(layers_[0], &cache_), Request(View::kRows, kernel));
    ExpectMarkov(rows);
    EXPECT_EQ(rows.minCoeff(), 0.0) << "the smallest entry";
    ExpectClose(rows, LiteralMarkov(layers_[0], kernel));
  }
}

TEST_F(OperatorViewTest, APartOfTheRowsIsThatPart) {
  OperatorRequest request = Request(View::kRows);
  const Operand layer(layers_[0], &cache_);
  const Matrix all = Show(layer, request);
  request.first_row = 20;
  EXPECT_EQ(Show(layer, request), all.bottomRows(4));
  request.row_count = 3;
  EXPECT_EQ(Show(layer, request), all.middleRows(20, 3));
}

TEST_F(OperatorViewTest, ALargeMeanCostsNoDigits) {
  const auto far =
      testing::AsFloat32((testing::RandomNormal(kInputs, 6, 5).array() + 1.0e6).matrix());
  const Matrix rows = Show(Operand(far, &cache_), Request(View::kRows));
  ExpectMarkov(rows);
  // The same after moving the layer to its first input: exact in double, and P does not depend on
  // it.
  Matrix moved(kInputs, 6);
  far->ReadRows(0, kInputs, moved.data());
  moved.rowwise() -= Eigen::RowVectorXd(moved.row(0));
  ExpectClose(rows, LiteralMarkov(Representation::FromMatrix(moved).value(), {}));
}

TEST_F(OperatorViewTest, TheSpectrumIsThatOfPWithoutOne) {
  for (const KernelSpec& kernel : {KernelSpec{}, kRbf}) {
    for (const auto& layer : layers_) {
      const Matrix spectrum = Show(Operand(layer, &cache_), Request(View::kSpectrum, kernel));
      const Eigen::SelfAdjointEigenSolver<Matrix> solver(LiteralMarkov(layer, kernel));
      const Vector expected = solver.eigenvalues().reverse();
      ASSERT_LT(spectrum.rows(), kInputs);
      ASSERT_EQ(spectrum.cols(), 1);
      EXPECT_NEAR(expected[0], 1.0, 16.0 * kInputs * kEpsilon);
      ExpectClose(spectrum, expected.segment(1, spectrum.rows()));
    }
  }
}

TEST_F(OperatorViewTest, CountLimitsSpectrumAndCoordinates) {
  const Operand layer(layers_[0], &cache_);
  OperatorRequest request = Request(View::kSpectrum);
  const Matrix all = Show(layer, request);
  ASSERT_EQ(all.rows(), 7) << "the layer's rank";
  request.k = 3;
  ExpectClose(Show(layer, request), all.topRows(3));
  request.k = 1000;
  ExpectClose(Show(layer, request), all);
  request.view = View::kCoordinates;
  request.k = 2;
  EXPECT_EQ(Show(layer, request).cols(), 2);
}

TEST_F(OperatorViewTest, CoordinatesGiveTheDiffusionDistance) {
  OperatorRequest request = Request(View::kCoordinates);
  request.t = 3.0;
  const Matrix coordinates = Show(Operand(layers_[0], &cache_), request);
  const Matrix p = LiteralMarkov(layers_[0], {});
  const Matrix power = p * p * p;
  for (Index i = 1; i < kInputs; ++i) {
    EXPECT_NEAR((coordinates.row(i) - coordinates.row(0)).norm(),
                (power.row(i) - power.row(0)).norm(), 100.0 * kInputs * kEpsilon);
  }
}

TEST_F(OperatorViewTest, RowsOfANetworkAreTheProductOfItsLayers) {
  for (const KernelSpec& kernel : {KernelSpec{}, kRbf}) {
    const Matrix a = LiteralMarkov(layers_[0], kernel);
    const Matrix b = LiteralMarkov(layers_[1], kernel);
    const Matrix c = LiteralMarkov(layers_[2], kernel);
    const Operand forward(layers_, {FusionOrder::kSymmetrized, 1.0}, &cache_);
    ExpectClose(Show(forward, Request(View::kRows, kernel)), a * b * c * c * b * a);
    const Operand backward(layers_, {FusionOrder::kReversed, 1.0}, &cache_);
    ExpectClose(Show(backward, Request(View::kRows, kernel)), c * b * a * a * b * c);
    const Operand squared(layers_, {FusionOrder::kSymmetrized, 2.0}, &cache_);
    const Matrix once = a * b * c * c * b * a;
    ExpectClose(Show(squared, Request(View::kRows, kernel)), once * once);
    ExpectMarkov(Show(forward, Request(View::kRows, kernel)));
  }
}

TEST_F(OperatorViewTest, ANetworkOfOneLayerIsThatLayer) {
  const Operand network({layers_[0]}, Fusion{}, &cache_);
  ExpectClose(Show(network, Request(View::kRows)), LiteralMarkov(layers_[0], {}));
}

TEST_F(OperatorViewTest, ADeepNetworkDoesNotUnderflow) {
  Layers deep;
  for (int i = 0; i < 64; ++i) deep.push_back(layers_[static_cast<size_t>(i) % 3]);
  const Matrix spectrum = Show(Operand(deep, Fusion{}, &cache_), Request(View::kSpectrum));
  EXPECT_GT(spectrum(0, 0), 0.0);
  EXPECT_LT(spectrum(0, 0), 1.0);
  ExpectMarkov(Show(Operand(deep, Fusion{}, &cache_), Request(View::kRows)));
}

TEST_F(OperatorViewTest, ALayerWithEqualInputsHasNoOperator) {
  const Operand constant(testing::AsFloat32(Matrix::Constant(kInputs, 9, 0.1)), &cache_);
  for (const KernelSpec& kernel : {KernelSpec{}, KernelSpec{KernelKind::kCosine}, kRbf}) {
    for (const View view : {View::kSpectrum, View::kCoordinates, View::kRows}) {
      const auto result = ViewOperator({}, constant, Request(view, kernel), &cache_);
      EXPECT_TRUE(absl::IsFailedPrecondition(result.status()))
          << kernel.ToString() << ": " << result.status();
    }
  }
}

TEST_F(OperatorViewTest, RefusesWhatCannotBeShown) {
  const Operand layer(layers_[0], &cache_);
  const auto refused = [&](const Operand& operand, const OperatorRequest& request) {
    return absl::IsInvalidArgument(ViewOperator({}, operand, request, &cache_).status());
  };
  OperatorRequest request = Request(View::kRows);
  request.first_row = kInputs;
  EXPECT_TRUE(refused(layer, request));
  request.first_row = kInputs - 1;
  EXPECT_FALSE(refused(layer, request));
  request.row_count = 2;
  EXPECT_TRUE(refused(layer, request));
  request = Request(View::kCoordinates);
  for (const double t : {0.0, -1.0, HUGE_VAL, std::nan("")}) {
    request.t = t;
    EXPECT_TRUE(refused(layer, request)) << t;
  }
  request = Request(View::kSpectrum);
  request.k = -1;
  EXPECT_TRUE(refused(layer, request));
  EXPECT_TRUE(
      refused(Operand(layers_, {FusionOrder::kProduct, 1.0}, &cache_), Request(View::kSpectrum)));
}

TEST_F(OperatorViewTest, RefusesAnOperatorThatExceedsTheScratch) {
  ComputeContext context;
  context.scratch_limit_bytes = 8 * kInputs * kInputs;
  for (const View view : {View::kSpectrum, View::kRows}) {
    const auto result = ViewOperator(context, Operand(layers_[0], &cache_), Request(view), &cache_);
    EXPECT_TRUE(absl::IsResourceExhausted(result.status())) << result.status();
  }
}

TEST_F(OperatorViewTest, StopsWhenAskedTo) {
  std::stop_source stop;
  stop.request_stop();
  ComputeContext context;
  context.stop = stop.get_token();
  const auto result =
      ViewOperator(context, Operand(layers_[0], &cache_), Request(View::kRows), &cache_);
  EXPECT_TRUE(absl::IsCancelled(result.status())) << result.status();
}

}  // namespace
}  // namespace gramian
