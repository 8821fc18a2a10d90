#include "gramian/measure/alignment.h"

#include <limits>
#include <memory>
#include <string>
#include <tuple>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"
#include "tests/measure/naive.h"

namespace gramian {
namespace {

using testing::AsFloat32;
using testing::AsFloat64;
using testing::RandomActivations;
using testing::RandomRelated;

constexpr double kEps = std::numeric_limits<double>::epsilon();

class AlignmentTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }

  absl::StatusOr<Alignment> Align(const Matrix& x, const Matrix& y, const KernelSpec& kernel,
                                  Estimator estimator, Form form) {
    return ComputeAlignment({}, Operand(AsFloat64(x), &cache_), Operand(AsFloat64(y), &cache_),
                            kernel, estimator, form);
  }

  NoCache cache_;
};

TEST_F(AlignmentTest, EveryFormGivesTheNaiveInnerProducts) {
  const KernelSpec kernels[] = {
      {KernelKind::kLinear},
      {KernelKind::kCosine},
      {KernelKind::kRbf, BandwidthRule::kMedian, 0.5},
      {KernelKind::kRbf, BandwidthRule::kKornblith, 0.4},
      {KernelKind::kLaplacian, BandwidthRule::kLowerMedian, 1.0},
      {KernelKind::kDistance},
  };
  for (const auto& [rows, a_cols, b_cols] :
       {std::tuple<Index, Index, Index>{5, 2, 3}, {40, 7, 12}, {40, 50, 12}, {300, 20, 40}}) {
    const Matrix x = RandomActivations(rows, a_cols, 1);
    const Matrix y = RandomRelated(x, b_cols, 0.5, 2);
    for (const KernelSpec& kernel : kernels) {
      const Matrix k = testing::NaiveRsm(x, kernel);
      const Matrix l = testing::NaiveRsm(y, kernel);
      for (const Estimator estimator : {Estimator::kBiased, Estimator::kDebiased}) {
        const auto naive =
            estimator == Estimator::kBiased ? testing::NaiveGretton : testing::NaiveSong;
        for (const Form form : {Form::kFeatureSpace, Form::kSampleSpace, Form::kSpectral}) {
          SCOPED_TRACE(kernel.ToString() + " " + ToString(form));
          const absl::StatusOr<Alignment> ours = Align(x, y, kernel, estimator, form);
          const bool has_form = (form != Form::kFeatureSpace || kernel.is_feature_map()) &&
                                (form != Form::kSpectral || estimator == Estimator::kBiased);
          if (!has_form) {
            EXPECT_EQ(ours.status().code(), absl::StatusCode::kInvalidArgument);
            continue;
          }
          ASSERT_TRUE(ours.ok()) << ours.status();
          ASSERT_EQ(ours->status, ScoreStatus::kOk);
          // The references multiply uncentred n x n matrices: their rounding is n eps |K| |L|.
          const double size = k.norm() * l.norm();
          const double bound = 16.0 * static_cast<double>(rows) * kEps;
          const double normalizer =
              form == Form::kSpectral ? std::sqrt(naive(k, k)) * std::sqrt(naive(l, l)) : 1.0;
          EXPECT_NEAR(ours->cross * normalizer, naive(k, l), bound * size);
          if (form != Form::kSpectral) {
            EXPECT_NEAR(ours->a_self, naive(k, k), bound * k.norm() * k.norm());
            EXPECT_NEAR(ours->b_self, naive(l, l), bound * l.norm() * l.norm());
          }
        }
      }
    }
  }
}

TEST_F(AlignmentTest, EveryFormGivesTheSamePowers) {
  const Matrix x = RandomActivations(120, 16, 3);
  const Matrix y = RandomRelated(x, 24, 0.5, 4);
  const Operand a(AsFloat64(x), &cache_);
  const Operand b(AsFloat64(y), &cache_);
  for (const double t : {1.0, 2.0, 4.0, 16.0}) {
    const double feature =
        ComputePowerAlignment({}, a, b, {KernelKind::kLinear}, t, Form::kFeatureSpace)->Cosine();
    const double sample =
        ComputePowerAlignment({}, a, b, {KernelKind::kLinear}, t, Form::kSampleSpace)->Cosine();
    const double spectral =
        ComputePowerAlignment({}, a, b, {KernelKind::kLinear}, t, Form::kSpectral)->Cosine();
    EXPECT_NEAR(sample, feature, 256.0 * t * kEps);
    EXPECT_NEAR(spectral, feature, 256.0 * t * kEps);
  }
}

// Work above the float64 limit is done in float32 tiles with double sums, in every form.
TEST_F(AlignmentTest, LargeWorkInFloat32AgreesWithFloat64) {
  const Matrix x = RandomActivations(3000, 320, 5);
  const Matrix y = RandomRelated(x, 300, 0.5, 6);
  const Operand a(AsFloat32(x), &cache_);
  const Operand b(AsFloat32(y), &cache_);
  ASSERT_EQ(ChooseArithmetic(3000.0 * 320.0 * 300.0), Arithmetic::kFloat32);
  const Matrix xc =
      x.cast<float>().cast<double>().rowwise() - x.cast<float>().cast<double>().colwise().mean();
  const Matrix yc =
      y.cast<float>().cast<double>().rowwise() - y.cast<float>().cast<double>().colwise().mean();
  const double expected = (xc.transpose() * yc).squaredNorm() /
                          ((xc.transpose() * xc).norm() * (yc.transpose() * yc).norm());
  for (const Form form : {Form::kFeatureSpace, Form::kSampleSpace}) {
    const double cka =
        ComputeAlignment({}, a, b, {KernelKind::kLinear}, Estimator::kBiased, form)->Cosine();
    EXPECT_NEAR(cka, expected, 2.0 * std::numeric_limits<float>::epsilon()) << ToString(form);
  }
}

// Opposite values near the largest float32 cannot even be centred in float32.
TEST_F(AlignmentTest, TheLargestFloatsAreNoProblem) {
  Matrix x = RandomActivations(3000, 320, 10);
  Matrix y = RandomRelated(x, 300, 0.5, 11);
  const double largest = 3.0e38;
  x *= largest / x.cwiseAbs().maxCoeff();
  y *= largest / y.cwiseAbs().maxCoeff();
  const auto cka = [&](double scale) {
    const Operand a(AsFloat32(scale * x), &cache_);
    const Operand b(AsFloat32(scale * y), &cache_);
    return ComputeAlignment({}, a, b, {KernelKind::kLinear}, Estimator::kBiased,
                            Form::kFeatureSpace)
        ->Cosine();
  };
  EXPECT_NEAR(cka(1.0), cka(0x1p-128), 2.0 * std::numeric_limits<float>::epsilon());
}

TEST_F(AlignmentTest, ThePlannerTakesTheCheapestForm) {
  const KernelSpec linear{KernelKind::kLinear};
  const KernelSpec distance{KernelKind::kDistance};
  EXPECT_EQ(PlanForm(linear, 10000, 512, 512, 1.0), Form::kFeatureSpace);
  EXPECT_EQ(PlanForm(linear, 10000, 512, 512, 4.0), Form::kFeatureSpace);
  EXPECT_EQ(PlanForm(linear, 100, 150, 150, 1.0), Form::kSampleSpace);
  EXPECT_EQ(PlanForm(linear, 100, 150, 150, 4.0), Form::kSpectral);
  // Eigenpairs are kept per layer, so for very wide layers they pay at t = 1 too.
  EXPECT_EQ(PlanForm(linear, 100, 5000, 5000, 1.0), Form::kSpectral);
  EXPECT_EQ(PlanForm(distance, 10000, 512, 512, 1.0), Form::kSampleSpace);
  EXPECT_EQ(PlanForm(distance, 1000, 512, 512, 4.0), Form::kSpectral);
}

TEST_F(AlignmentTest, PowersInSampleSpaceAreIntegers) {
  const Operand a(AsFloat64(RandomActivations(20, 4, 7)), &cache_);
  const absl::StatusOr<Alignment> result =
      ComputePowerAlignment({}, a, a, {KernelKind::kLinear}, 1.5, Form::kSampleSpace);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(AlignmentTest, ScratchIsRefusedBeforeTheWork) {
  const Operand a(AsFloat64(RandomActivations(500, 4, 8)), &cache_);
  const Operand b(AsFloat64(RandomActivations(500, 4, 9)), &cache_);
  const int64_t needed = 4 * 8 * 500 * 500;
  ComputeContext context;
  context.scratch_limit_bytes = needed - 1;
  const KernelSpec distance{KernelKind::kDistance};
  EXPECT_EQ(ComputePowerAlignment(context, a, b, distance, 4.0, Form::kAuto).status().code(),
            absl::StatusCode::kResourceExhausted);
  // Room for what comes after the eigenvectors.
  context.scratch_limit_bytes = 2 * needed;
  EXPECT_TRUE(ComputePowerAlignment(context, a, b, distance, 4.0, Form::kAuto).ok());
}

}  // namespace
}  // namespace gramian
