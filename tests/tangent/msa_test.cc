#include "gramian/tangent/msa.h"

#include <cmath>
#include <complex>

#include "gtest/gtest.h"
#include "tests/tangent/tangents.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::Doughnut;
using testing::FieldOf;
using testing::FlatTorus;
using testing::kEps;
using testing::OnGrid;
using testing::RandomNormal;
using testing::TorusAxes;

// MSA of two maps of a grid.
template <typename A, typename B>
MsaReport OfMaps(const std::vector<GridAxis>& axes, const std::vector<double>& origin, const A& a,
                 const B& b, absl::Span<const double> weights = {}) {
  const auto field_a = FieldOfGrid({}, *AsFloat64(OnGrid(axes, origin, a)), axes).value();
  const auto field_b = FieldOfGrid({}, *AsFloat64(OnGrid(axes, origin, b)), axes).value();
  return CompareFields({}, *field_a, *field_b, weights).value();
}

std::vector<double> Identity(const std::vector<double>& p) { return p; }

TEST(MsaTest, FlatTorusAndDoughnut) {
  const std::vector<GridAxis> axes = TorusAxes(48);
  // Differences scale every harmonic of order one alike, so that the values are exact.
  const double tolerance = 1000.0 * kEps;
  const MsaReport uniform = OfMaps(axes, {0, 0}, FlatTorus, Doughnut);
  EXPECT_NEAR(uniform.distance, 1.0 - 1.0 / std::sqrt(3.0), tolerance);
  EXPECT_EQ(uniform.similarity, 1.0 - uniform.distance);
  EXPECT_EQ(uniform.compared, 48 * 48);
  EXPECT_EQ(uniform.degenerate, 0);
  std::vector<double> area;
  for (int64_t i = 0; i < 48 * 48; ++i) {
    area.push_back(2.0 + std::cos(axes[1].spacing * static_cast<double>(i % 48)));
  }
  EXPECT_NEAR(OfMaps(axes, {0, 0}, FlatTorus, Doughnut, area).distance, 0.5, tolerance);
}

TEST(MsaTest, StretchedPlane) {
  const std::vector<GridAxis> axes = {{9, 0.1, false}, {7, 0.2, false}};
  const MsaReport report = OfMaps(axes, {0, 0}, Identity, [](const std::vector<double>& p) {
    return std::vector<double>{p[0], 4.0 * p[1]};
  });
  EXPECT_NEAR(report.similarity, 0.25, 1000.0 * kEps);
  EXPECT_NEAR(report.log_scale_mean, -0.5 * std::log(4.0), 1000.0 * kEps) << "half as long";
  EXPECT_NEAR(report.shape_mean, std::sqrt(2.0) * std::log(4.0), 1000.0 * kEps);
}

TEST(MsaTest, ConformalMapsAndIsometriesAreInvisible) {
  const std::vector<GridAxis> square = {{11, 0.1, false}, {11, 0.1, false}};
  const MsaReport conformal = OfMaps(square, {1, 1}, Identity, [](const std::vector<double>& p) {
    const std::complex<double> z = std::complex<double>(p[0], p[1]);
    return std::vector<double>{(z * z).real(), (z * z).imag()};
  });
  EXPECT_NEAR(conformal.similarity, 1.0, 1000.0 * kEps);
  EXPECT_LT(conformal.log_scale_mean, -0.5) << "though |2 z| changes lengths";

  const std::vector<GridAxis> axes = {{41, 0.05 * std::numbers::pi, false}, {41, 0.125, false}};
  const auto plane = [](const std::vector<double>& p) {
    const double t = p[0];  // arc length of the spiral r = t
    return std::vector<double>{0.5 * (t * std::sqrt(1 + t * t) + std::asinh(t)), p[1]};
  };
  const auto roll = [](const std::vector<double>& p) {
    return std::vector<double>{p[0] * std::cos(p[0]), p[1], p[0] * std::sin(p[0])};
  };
  // Differences of a spiral are exact to h^4.
  EXPECT_GT(OfMaps(axes, {1.5 * std::numbers::pi, 0}, plane, roll).similarity, 0.9999);
}

TEST(MsaTest, CountsPointsOfEachKindAndLeavesThemOutOfTheMeans) {
  const Matrix full = RandomNormal(5, 2, 1);
  const Matrix zero = Matrix::Zero(5, 2);
  Matrix flat = RandomNormal(5, 2, 2);
  flat.col(1).setZero();
  const FactorField a = FieldOf({full, full, zero, flat, 2.0 * full});
  const FactorField b = FieldOf({full, flat, zero, flat, full});
  const std::vector<double> weights = {1, 2, 3, 4, 6};
  const MsaReport report = CompareFields({}, a, b, weights).value();
  EXPECT_EQ(report.compared, 2);
  EXPECT_EQ(report.rank_mismatches, 1);
  EXPECT_EQ(report.degenerate, 2);
  EXPECT_EQ(report.vanishing, 1);
  EXPECT_NEAR(report.distance, 2.0 / 16.0, 10.0 * kEps);
  EXPECT_NEAR(report.compared_weight, 7.0 / 16.0, 10.0 * kEps);
  EXPECT_NEAR(report.log_scale_mean, 6.0 / 7.0 * std::log(2.0), 100.0 * kEps);
  ASSERT_EQ(report.points.size(), 5U);
  EXPECT_TRUE(report.points[1].rank_mismatch);
  EXPECT_EQ(report.points[3].joint_rank, 1);

  const MsaReport none = CompareFields({}, FieldOf({zero}), FieldOf({full}), {}).value();
  EXPECT_EQ(none.distance, 1.0);
  EXPECT_EQ(none.compared, 0);
  EXPECT_EQ(none.airm_mean, 0.0) << "not NaN";
  EXPECT_EQ(none.standard_error, 0.0);
}

TEST(MsaTest, StandardErrorIsThatOfAWeightedMean) {
  const auto stretched = [](double factor) -> Matrix {
    Matrix jacobian = Matrix::Identity(2, 2);
    jacobian(1, 1) = factor;
    return jacobian;
  };
  const FactorField a = FieldOf({stretched(1), stretched(1), stretched(1)});
  const FactorField b = FieldOf({stretched(2), stretched(4), stretched(8)});
  const std::vector<double> weights = {1, 2, 1};
  const double mean = (0.5 + 2 * 0.75 + 0.875) / 4.0;
  const double variance =
      (std::pow(0.5 - mean, 2) + 2 * std::pow(0.75 - mean, 2) + std::pow(0.875 - mean, 2)) / 4.0;
  const MsaReport report = CompareFields({}, a, b, weights).value();
  EXPECT_NEAR(report.distance, mean, 10.0 * kEps);
  EXPECT_NEAR(report.standard_error, std::sqrt(variance / (16.0 / 6.0 - 1.0)), 10.0 * kEps);
  // A factor of all weights changes nothing, however large.
  const std::vector<double> huge = {1e308, 2e307, 1e308};
  const std::vector<double> small = {1.0, 0.2, 1.0};
  EXPECT_NEAR(CompareFields({}, a, b, huge).value().standard_error,
              CompareFields({}, a, b, small).value().standard_error, 10.0 * kEps);
}

TEST(MsaTest, RefusesSidesAndWeightsThatDoNotFit) {
  const FactorField a = FieldOf({RandomNormal(4, 2, 1), RandomNormal(4, 2, 2)});
  const auto error = [&](const FactorField& b, const std::vector<double>& weights) {
    return CompareFields({}, a, b, weights).status().ToString();
  };
  const auto holds = [](const std::string& text, const char* part) {
    return text.find("INVALID_ARGUMENT") == 0 && text.find(part) != std::string::npos;
  };
  EXPECT_PRED2(holds, error(FieldOf({RandomNormal(4, 2, 3)}), {}), "at 2 and 1 inputs");
  EXPECT_PRED2(holds, error(FieldOf({RandomNormal(4, 3, 3), RandomNormal(4, 3, 4)}), {}),
               "in 2 and 3 coordinates");
  EXPECT_PRED2(holds, error(a, {1.0}), "1 weights are given for 2 inputs");
  EXPECT_PRED2(holds, error(a, {1.0, -1.0}), "weight 1 is -1");
  EXPECT_PRED2(holds, error(a, {std::nan(""), 1.0}), "weight 0 is nan");
  EXPECT_PRED2(holds, error(a, {0.0, 0.0}), "all weights are 0");
}

TEST(MsaTest, BitsDoNotDependOnThreads) {
  std::vector<Matrix> a;
  std::vector<Matrix> b;
  for (uint64_t i = 0; i < 700; ++i) {
    a.push_back(RandomNormal(20, 12, 2 * i));
    b.push_back(RandomNormal(15, 12, 2 * i + 1));
  }
  const FactorField field_a = FieldOf(a);
  const FactorField field_b = FieldOf(b);
  ComputeArena arena(3);
  ComputeContext context;
  context.arena = &arena;
  const MsaReport serial = CompareFields({}, field_a, field_b, {}).value();
  const MsaReport parallel = CompareFields(context, field_a, field_b, {}).value();
  EXPECT_EQ(serial.distance, parallel.distance);
  EXPECT_EQ(serial.airm_mean, parallel.airm_mean);
  EXPECT_EQ(CompareFields(context, field_b, field_a, {}).value().distance, serial.distance);
  std::stop_source source;
  source.request_stop();
  ComputeContext stopped;
  stopped.stop = source.get_token();
  EXPECT_EQ(CompareFields(stopped, field_a, field_b, {}).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace gramian
