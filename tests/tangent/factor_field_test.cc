#include "gramian/tangent/factor_field.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "gramian/tangent/msa.h"
#include "gtest/gtest.h"
#include "tests/tangent/tangents.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::AsTangents;
using testing::Doughnut;
using testing::FlatTorus;
using testing::kEps;
using testing::OnGrid;
using testing::RandomNormal;
using testing::TorusAxes;

Vector FactorAt(const FactorField& field, int64_t i) {
  return Eigen::Map<const Vector>(field.factor(i), PackedSize(field.coordinates()));
}

TEST(FieldOfFactorsTest, ReadsWhatWasUploaded) {
  const Matrix packed = RandomNormal(5, 6, 1);
  const auto field = FieldOfFactors({}, *AsTangents(packed, {RowKind::kFactor, 3}).value());
  ASSERT_TRUE(field.ok());
  EXPECT_EQ((*field)->coordinates(), 3);
  EXPECT_EQ(FactorAt(**field, 4), packed.row(4).transpose());
  EXPECT_EQ(FieldOfFactors({}, *AsFloat64(packed)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(FieldOfGridTest, IsExactForPolynomialsOfDegreeFour) {
  const std::vector<GridAxis> axes = {{6, 0.25, false}, {5, 0.5, false}};
  const Matrix z = OnGrid(axes, {-1.0, 2.0}, [](const std::vector<double>& p) {
    return std::vector<double>{std::pow(p[0], 4) - p[1], p[0] * std::pow(p[1], 4),
                               std::pow(p[0] - p[1], 3)};
  });
  const auto field = FieldOfGrid({}, *AsFloat64(z), axes).value();
  ASSERT_EQ(field->rows(), 30);
  for (int64_t i = 0; i < 30; ++i) {
    const double x = -1.0 + 0.25 * static_cast<double>(i / 5);
    const double y = 2.0 + 0.5 * static_cast<double>(i % 5);
    Matrix jacobian(3, 2);
    jacobian << 4 * std::pow(x, 3), -1, std::pow(y, 4), 4 * x * std::pow(y, 3),
        3 * (x - y) * (x - y), -3 * (x - y) * (x - y);
    // Values up to 4^4, differences by steps of 1/4.
    EXPECT_LE((FactorAt(*field, i) - FactorOfJacobian(jacobian)).norm(), 100.0 * 256.0 * 4.0 * kEps)
        << i;
  }
}

TEST(FieldOfGridTest, PeriodicAxesHaveNoEnds) {
  const std::vector<GridAxis> axes = TorusAxes(12);
  const auto field = FieldOfGrid({}, *AsFloat64(OnGrid(axes, {0, 0}, FlatTorus)), axes).value();
  // The same at every point, by symmetry: the derivative of a harmonic times a factor near 1.
  const double factor = field->factor(0)[0];
  EXPECT_NEAR(factor, 1.0, 0.01);
  for (int64_t i = 0; i < field->rows(); ++i) {
    EXPECT_NEAR(field->factor(i)[0], factor, 100.0 * kEps);
    EXPECT_NEAR(field->factor(i)[1], 0.0, 100.0 * kEps);
    EXPECT_NEAR(field->factor(i)[2], factor, 100.0 * kEps);
  }
}

TEST(FieldOfGridTest, RefusesWhatIsNoGridOfTheLayer) {
  const auto z = AsFloat64(RandomNormal(30, 2, 1));
  const auto error = [&](const std::vector<GridAxis>& axes) {
    return FieldOfGrid({}, *z, axes).status().ToString();
  };
  const auto holds = [](const std::string& text, const char* part) {
    return text.find("INVALID_ARGUMENT") == 0 && text.find(part) != std::string::npos;
  };
  EXPECT_PRED2(holds, error({}), "0 axes, must be from 1 to 64");
  EXPECT_PRED2(holds, error(std::vector<GridAxis>(65, {5, 1.0, false})), "65 axes");
  EXPECT_PRED2(holds, error({{4, 1.0, false}, {5, 1.0, false}}), "4 points, must be at least 5");
  EXPECT_PRED2(holds, error({{6, 0.0, false}, {5, 1.0, false}}),
               "axis 0 of the grid has spacing 0");
  EXPECT_PRED2(holds, error({{6, 1.0, false}, {6, 1.0, false}}), "36 points, the layer has 30");
  EXPECT_PRED2(holds, error(std::vector<GridAxis>(30, {1000000, 1.0, false})),
               "points of the grid");
  EXPECT_TRUE(FieldOfGrid({}, *z, {{6, 1.0, false}, {5, 1.0, true}}).ok());
  const auto factors = AsTangents(RandomNormal(30, 3, 2), {RowKind::kFactor, 2}).value();
  EXPECT_PRED2(holds, FieldOfGrid({}, *factors, {{30, 1.0, false}}).status().ToString(),
               "not of a factor");
}

TEST(FieldOfScatteredTest, IsExactForQuadratics) {
  const Matrix points = RandomNormal(60, 2, 1);
  Matrix z(60, 3);
  for (Index i = 0; i < 60; ++i) {
    const double x = points(i, 0);
    const double y = points(i, 1);
    z.row(i) << x * x - y, 3 * x * y + 1, y * y + 2 * x;
  }
  const auto field = FieldOfScattered({}, *AsFloat64(z), *AsFloat64(points)).value();
  for (int64_t i = 0; i < 60; ++i) {
    const double x = points(i, 0);
    const double y = points(i, 1);
    Matrix jacobian(3, 2);
    jacobian << 2 * x, -1, 3 * y, 3 * x, 2, 2 * y;
    EXPECT_LE((FactorAt(*field, i) - FactorOfJacobian(jacobian)).norm(), 1e4 * kEps) << i;
  }
}

TEST(FieldOfScatteredTest, ComesNearTheTorusWhereTheSampleIsDense) {
  std::mt19937_64 random(0);
  std::uniform_real_distribution<double> angle(0.0, 2.0 * std::numbers::pi);
  const Index n = 1500;
  Matrix points(n, 2);
  Matrix flat(n, 4);
  Matrix doughnut(n, 3);
  double exact = 0.0;
  for (Index i = 0; i < n; ++i) {
    const std::vector<double> p = {angle(random), angle(random)};
    points.row(i) << p[0], p[1];
    const std::vector<double> f = FlatTorus(p);
    const std::vector<double> g = Doughnut(p);
    flat.row(i) << f[0], f[1], f[2], f[3];
    doughnut.row(i) << g[0], g[1], g[2];
    exact += (1.0 - 1.0 / (2.0 + std::cos(p[1]))) / static_cast<double>(n);
  }
  const auto at = AsFloat64(points);
  const auto a = FieldOfScattered({}, *AsFloat64(flat), *at).value();
  const auto b = FieldOfScattered({}, *AsFloat64(doughnut), *at).value();
  EXPECT_NEAR(CompareFields({}, *a, *b, {}).value().distance, exact, 0.015 * exact);
}

TEST(FieldOfScatteredTest, RefusesWhatDoesNotDetermineDerivatives) {
  const auto z = AsFloat64(RandomNormal(12, 2, 1));
  const auto error = [&](const Matrix& points) {
    return FieldOfScattered({}, *z, *AsFloat64(points)).status().ToString();
  };
  const auto holds = [](const std::string& text, const char* part) {
    return text.find("INVALID_ARGUMENT") == 0 && text.find(part) != std::string::npos;
  };
  EXPECT_PRED2(holds, error(RandomNormal(12, 9, 2)), "9 coordinates, must be from 1 to 8");
  EXPECT_PRED2(holds, error(RandomNormal(11, 2, 2)), "coordinates of 11 inputs, the layer has 12");
  EXPECT_PRED2(holds, error(RandomNormal(12, 4, 2)), "needs 15 inputs, there are 12");
  EXPECT_PRED2(holds, error(Matrix::Ones(12, 1) * RandomNormal(1, 2, 3)), "nearest to row 0");
  Matrix line = RandomNormal(12, 2, 4);
  line.col(1) = 2.0 * line.col(0);
  EXPECT_PRED2(holds, error(line), "do not determine derivatives along 2 coordinates");
}

TEST(FactorFieldTest, BitsDoNotDependOnThreads) {
  const std::vector<GridAxis> axes = TorusAxes(40);
  const auto z = AsFloat64(OnGrid(axes, {0, 0}, Doughnut) * RandomNormal(3, 300, 1));
  ComputeArena arena(3);
  const auto serial = FieldOfGrid({}, *z, axes).value();
  ComputeContext context;
  context.arena = &arena;
  const auto parallel = FieldOfGrid(context, *z, axes).value();
  for (int64_t i = 0; i < serial->rows(); ++i) {
    ASSERT_EQ(FactorAt(*serial, i), FactorAt(*parallel, i));
  }
}

TEST(FactorFieldTest, StopsAndStaysWithinItsScratch) {
  const std::vector<GridAxis> axes = TorusAxes(10);
  const auto z = AsFloat64(OnGrid(axes, {0, 0}, Doughnut));
  ComputeContext context;
  context.scratch_limit_bytes = 100 * 3 * 8 - 1;
  EXPECT_EQ(FieldOfGrid(context, *z, axes).status().code(), absl::StatusCode::kResourceExhausted);
  ++context.scratch_limit_bytes;
  EXPECT_TRUE(FieldOfGrid(context, *z, axes).ok());
  std::stop_source source;
  source.request_stop();
  context.stop = source.get_token();
  EXPECT_EQ(FieldOfGrid(context, *z, axes).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace gramian
