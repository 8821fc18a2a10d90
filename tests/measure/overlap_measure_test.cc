#include "gramian/measure/overlap_measure.h"

#include "gramian/base/blas.h"
#include "gramian/measure/operand.h"
#include "gtest/gtest.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using testing::AsFloat64;
using testing::RandomNormal;

class OverlapMeasureTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(InitializeBlas().ok()); }

  Operand Layer(const Matrix& x) { return Operand(AsFloat64(x), &cache_); }

  // A measure that always says `value`.
  static std::shared_ptr<const SimilarityMeasure> Saying(double value, MeasureTraits traits = {}) {
    return MakeOverlapMeasure({"saying", traits, KernelSpec{}, Centering::kColumns,
                               [value](const ComputeContext&, const Operand&, const Operand&,
                                       const LayerOverlap&) { return value; }});
  }

  NoCache cache_;
  const Matrix x_ = RandomNormal(20, 3, 1);
  const Matrix y_ = RandomNormal(20, 4, 2);
};

TEST_F(OverlapMeasureTest, RoundingBeyondTheRangeIsCut) {
  const auto compare = [&](double value) {
    return Saying(value)->Compare(ComputeContext(), Layer(x_), Layer(y_), Form::kAuto)->value;
  };
  EXPECT_EQ(compare(0.25), 0.25);
  EXPECT_EQ(compare(1.0 + 1.0e-15), 1.0);
  EXPECT_EQ(compare(-1.0e-15), 0.0);
}

TEST_F(OverlapMeasureTest, ALayerIsBestWithItselfUnlessTheTraitsSayOtherwise) {
  MeasureTraits traits;
  const auto self = [&](const MeasureTraits& t) {
    return Saying(0.5, t)->Compare(ComputeContext(), Layer(x_), Layer(x_), Form::kAuto)->value;
  };
  EXPECT_EQ(self(traits), 1.0);
  traits.larger_is_more_similar = false;
  EXPECT_EQ(self(traits), 0.0);
  traits.best_with_itself = false;
  EXPECT_EQ(self(traits), 0.5);
}

TEST_F(OverlapMeasureTest, TooFewInputsAreNotAskedAbout) {
  MeasureTraits traits;
  traits.min_inputs = 21;
  EXPECT_EQ(
      Saying(0.5, traits)->Compare(ComputeContext(), Layer(x_), Layer(y_), Form::kAuto)->status,
      ScoreStatus::kTooFewInputs);
}

}  // namespace
}  // namespace gramian
