#include "gramian/measure/units.h"

#include <limits>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/naive_shape.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::RandomNormal;

constexpr double kEps = std::numeric_limits<double>::epsilon();

TEST(UnitsTest, MomentsAreThoseOfEachFeature) {
  NoCache cache;
  Matrix x = RandomNormal(300, 4, 1);
  x.col(1).setConstant(0.1);
  x.col(3).array() += 1.0e6;
  const auto units = GetUnitMoments(ComputeContext(), Operand(AsFloat64(x), &cache)).value();
  const Vector squared = testing::NaiveCenter(x).colwise().squaredNorm().transpose();
  for (const Index j : {0, 2, 3}) {
    EXPECT_NEAR(units->squared[j], squared[j], 300.0 * kEps * 1.0e6);
    EXPECT_NEAR(units->mean[j], x.col(j).mean(), 300.0 * kEps * std::abs(units->mean[j]) + kEps);
  }
  EXPECT_EQ(units->squared[1], 0.0);
  EXPECT_EQ(units->live(), 3);
  EXPECT_NEAR(units->SquaredNorm(Centering::kNone, 300), x.squaredNorm(),
              300.0 * kEps * x.squaredNorm());
  EXPECT_NEAR(units->SquaredNorm(Centering::kColumns, 300), squared[0] + squared[2] + squared[3],
              300.0 * kEps * 1.0e6);
}

TEST(UnitsTest, ProductsAreCentredOrNot) {
  ASSERT_TRUE(InitializeBlas().ok());
  NoCache cache;
  const Matrix x = RandomNormal(70, 5, 2).array() + 2.0;
  const Matrix y = RandomNormal(70, 3, 3).array() - 1.0;
  const Operand a(AsFloat64(x), &cache);
  const Operand b(AsFloat64(y), &cache);
  const Matrix centred = UnitProducts(ComputeContext(), a, b, Centering::kColumns).value();
  const Matrix raw = UnitProducts(ComputeContext(), a, b, Centering::kNone).value();
  const double tolerance = 64.0 * kEps * x.norm() * y.norm();
  EXPECT_LE((centred - testing::NaiveCenter(x).transpose() * testing::NaiveCenter(y)).norm(),
            tolerance);
  EXPECT_LE((raw - x.transpose() * y).norm(), tolerance);
}

}  // namespace
}  // namespace gramian
