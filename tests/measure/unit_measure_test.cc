#include "gramian/measure/unit_measure.h"

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::RandomNormal;

class UnitMeasureTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitializeBlas().ok()); }

  // The score of a measure that counts the live features of both sides.
  Score Count(const Matrix& x, const Matrix& y, MeasureTraits traits = {}) {
    traits.range_max = 5.0;
    const auto measure = MakeUnitMeasure(
        {"counting", traits,
         [](const ComputeContext&, const Operand&, const Operand&, const UnitMoments& a,
            const UnitMoments& b) { return static_cast<double>(a.live() + b.live()); }});
    return measure
        ->Compare(ComputeContext(), Operand(AsFloat64(x), &cache_), Operand(AsFloat64(y), &cache_),
                  Form::kAuto)
        .value();
  }

  NoCache cache_;
  const Matrix x_ = RandomNormal(20, 2, 1);
  const Matrix y_ = RandomNormal(20, 2, 2);
};

TEST_F(UnitMeasureTest, FamiliesSeeTheMomentsOfBothSides) {
  EXPECT_EQ(Count(x_, y_).value, 4.0);
  EXPECT_EQ(Count(x_, RandomNormal(20, 9, 3)).value, 5.0) << "cut to the range";
  EXPECT_EQ(Count(x_, y_).form, Form::kFeatureSpace);
}

TEST_F(UnitMeasureTest, ALayerIsBestWithItselfUnlessTheTraitsSayOtherwise) {
  EXPECT_EQ(Count(x_, x_).value, 5.0);
  MeasureTraits traits;
  traits.best_with_itself = false;
  EXPECT_EQ(Count(x_, x_, traits).value, 4.0);
}

TEST_F(UnitMeasureTest, DegenerateLayersHaveAStatus) {
  EXPECT_EQ(Count(x_, Matrix::Constant(20, 3, 0.1)).status, ScoreStatus::kConstant);
  MeasureTraits traits;
  traits.min_inputs = 21;
  EXPECT_EQ(Count(x_, y_, traits).status, ScoreStatus::kTooFewInputs);
}

}  // namespace
}  // namespace gramian
