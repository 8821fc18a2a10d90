#include "gramian/cli/color.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/client/sample_matrix.h"

namespace gramian::client::cli {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(ColorTest, MagmaRunsFromBlackToPaleYellow) {
  EXPECT_EQ(Hex(Magma(0)), "#000004");
  EXPECT_EQ(Hex(Magma(1)), "#fcfdbf");
  EXPECT_EQ(Magma(-3), Magma(0));
  EXPECT_EQ(Magma(7), Magma(1));
}

// Goal: magma is read as a scale, so it must grow lighter all the way. Method: the sum of the
// channels.
TEST(ColorTest, MagmaGrowsLighterAllTheWay) {
  int previous = -1;
  for (int i = 0; i <= 100; ++i) {
    const Color color = Magma(i / 100.0);
    const int sum = color.red + color.green + color.blue;
    EXPECT_GE(sum, previous) << "at " << i;
    previous = sum;
  }
}

TEST(ColorTest, TheMiddleOfTheDivergingScaleIsNearlyWhite) {
  EXPECT_EQ(Hex(Diverging(0.5)), "#f7f7f7");
}

TEST(ColorTest, InkIsWhiteOnDarkAndBlackOnLight) {
  EXPECT_EQ(Contrast(Magma(0.1)), (Color{255, 255, 255}));
  EXPECT_EQ(Contrast(Magma(0.95)), (Color{0, 0, 0}));
}

TEST(ColorScaleTest, ASimilarityUsesZeroToOneWhateverItsValues) {
  const ColorScale scale = ChooseScale(0, 1, SampleMatrix(2, 2));
  EXPECT_EQ(scale.low, 0);
  EXPECT_EQ(scale.high, 1);
  EXPECT_FALSE(scale.is_diverging);
  const ColorScale debiased = ChooseScale(-1, 1, SampleMatrix(2, 2));
  EXPECT_EQ(debiased.low, 0) << "no value is negative";
}

TEST(ColorScaleTest, NegativeValuesMakeItDivergeAboutZero) {
  SimilarityMatrix matrix = SampleMatrix(2, 2);
  matrix.cells[1].value = -0.25;
  const ColorScale scale = ChooseScale(-1, 1, matrix);
  EXPECT_TRUE(scale.is_diverging);
  EXPECT_EQ(scale.low, -1);
  EXPECT_EQ(scale.high, 1);
  EXPECT_EQ(scale.At(0), Diverging(0.5));
}

TEST(ColorScaleTest, AnUnboundedMeasureUsesTheRangeOfItsValues) {
  SimilarityMatrix matrix = SampleMatrix(1, 2);
  matrix.cells[0].value = 10;
  matrix.cells[1].value = 30;
  const ColorScale scale = ChooseScale(-kInfinity, kInfinity, matrix);
  EXPECT_EQ(scale.low, 10);
  EXPECT_EQ(scale.high, 30);
  const ColorScale angle = ChooseScale(0, M_PI / 2, SampleMatrix(2, 2));
  EXPECT_EQ(angle.high, M_PI / 2);
}

TEST(ColorScaleTest, EqualValuesAndNoValuesStillGiveAScale) {
  SimilarityMatrix matrix = SampleMatrix(1, 1);
  matrix.cells[0].value = 3;
  const ColorScale scale = ChooseScale(-kInfinity, kInfinity, matrix);
  EXPECT_LT(scale.low, scale.high);
  matrix.cells[0] = {std::nullopt, ScoreStatus::kTooFewInputs};
  EXPECT_EQ(ChooseScale(0, kInfinity, matrix).high, 1);
}

}  // namespace
}  // namespace gramian::client::cli
