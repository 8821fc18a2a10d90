// Goal: products of indexed RSMs are the alignments of permuted layers, for every estimator and
// power, up to the limit. Method: alignments of activations that are permuted in the test.
#include "gramian/measure/permuted_alignment.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

#include "gmock/gmock.h"
#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::RandomActivations;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class PermutedAlignmentTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  Operand Layer(const Matrix& x) { return Operand(AsFloat64(x), &cache_); }

  NoCache cache_;
};

// Hands out what the products are made of.
Score CrossOf(const Alignment& alignment) {
  return {ScoreStatus::kOk, alignment.cross, alignment.form};
}
Score CosineOf(const Alignment& alignment) {
  return {ScoreStatus::kOk, alignment.Cosine(), alignment.form};
}

std::vector<int64_t> Turned(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::rotate(order.begin(), order.begin() + n / 3, order.end());
  std::swap(order[1], order[4]);
  return order;
}

TEST_F(PermutedAlignmentTest, EveryEstimatorHasItsInnerProducts) {
  for (const Index n : {5, 37}) {
    const Matrix x = RandomActivations(n, 6, 1);
    const Matrix y = RandomRelated(x, 9, 0.5, 2);
    const std::vector<int64_t> order = Turned(n);
    const Matrix turned = y(order, Eigen::all);
    for (const KernelKind kind : {KernelKind::kLinear, KernelKind::kDistance, KernelKind::kRbf}) {
      for (const Estimator estimator :
           {Estimator::kBiased, Estimator::kDebiased, Estimator::kZeroDiagonal}) {
        const KernelSpec kernel = {kind};
        const Alignment expected =
            ComputeAlignment({}, Layer(x), Layer(turned), kernel, estimator, Form::kSampleSpace)
                .value();
        const auto permuted =
            PermuteAlignment({}, Layer(x), Layer(y), kernel, estimator, &CrossOf).value();
        // The terms of a debiased product cancel; they are of the size of the biased one.
        const Alignment biased = ComputeAlignment({}, Layer(x), Layer(turned), kernel,
                                                  Estimator::kBiased, Form::kSampleSpace)
                                     .value();
        const double size = std::sqrt(biased.a_self * biased.b_self);
        EXPECT_NEAR(permuted->At(order).value, expected.cross, 1024.0 * kEps * size);
      }
    }
  }
}

TEST_F(PermutedAlignmentTest, PowersAreThoseOfTheOperators) {
  const Matrix x = RandomActivations(40, 6, 3);
  const Matrix y = RandomRelated(x, 50, 0.5, 4);
  const std::vector<int64_t> order = Turned(40);
  for (const double t : {0.5, 1.0, 3.0, 16.0}) {
    const double expected =
        ComputePowerAlignment({}, Layer(x), Layer(y(order, Eigen::all)), {}, t, Form::kSpectral)
            .value()
            .Cosine();
    const auto permuted = PermutePowerAlignment({}, Layer(x), Layer(y), {}, t, &CosineOf).value();
    EXPECT_NEAR(permuted->At(order).value, expected, 65536.0 * kEps) << t;
  }
}

TEST_F(PermutedAlignmentTest, WholeMatricesAreHeldUpToALimitAndNotOfNetworks) {
  // Who would hold matrices asks for their room first.
  ComputeContext context;
  context.scratch_limit_bytes = 1;
  const auto prepare = [&](Index n) {
    const Matrix x = Vector::LinSpaced(n, 0.0, 1.0);
    return PermuteAlignment(context, Layer(x), Layer(x), {}, Estimator::kBiased, &CrossOf);
  };
  EXPECT_TRUE(absl::IsResourceExhausted(prepare(kMaxIndexedInputs).status()));
  EXPECT_EQ(prepare(kMaxIndexedInputs + 1).value(), nullptr);
  const auto layer = AsFloat64(RandomActivations(20, 3, 1));
  const Operand network({layer, layer}, Fusion(), &cache_);
  EXPECT_EQ(PermuteAlignment({}, network, network, {}, Estimator::kBiased, &CrossOf).value(),
            nullptr);
}

}  // namespace
}  // namespace gramian
