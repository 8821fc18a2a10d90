#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gramian/cli/heatmap.h"
#include "gramian/cli/text.h"
#include "tests/client/sample_matrix.h"

namespace gramian::client::cli {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

HeatmapStyle Style(const SimilarityMatrix& matrix) {
  return {matrix.measure, "a@1", "b@2", "", ChooseScale(0, 1, matrix)};
}

TEST(HeatmapTextTest, TrueColorCellsCarryTheirValues) {
  const SimilarityMatrix matrix = SampleMatrix(2, 2);
  const std::string text = RenderText(matrix, Style(matrix), {true, Terminal::Colors::kTrue, 80});
  const Color color = Magma(0.75);
  EXPECT_THAT(text, HasSubstr(absl::StrCat("\x1b[48;2;", int{color.red}, ";", int{color.green}, ";",
                                           int{color.blue})));
  EXPECT_THAT(text, HasSubstr("0.75"));
  EXPECT_THAT(text, HasSubstr("row1"));
  EXPECT_THAT(text, HasSubstr("column1"));
}

TEST(HeatmapTextTest, A256ColorTerminalGetsPaletteColors) {
  const SimilarityMatrix matrix = SampleMatrix(2, 2);
  const std::string text = RenderText(matrix, Style(matrix), {true, Terminal::Colors::k256, 80});
  EXPECT_THAT(text, HasSubstr("\x1b[48;5;"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b[48;2;")));
}

TEST(HeatmapTextTest, WithoutColorsShadesStandForThem) {
  const SimilarityMatrix matrix = SampleMatrix(2, 2);
  const std::string text = RenderText(matrix, Style(matrix), {true, Terminal::Colors::kNone, 80});
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("▓ 0.75"));
}

TEST(HeatmapTextTest, TheFirstRowIsTheLowest) {
  const SimilarityMatrix matrix = SampleMatrix(3, 1);
  const std::string text = RenderText(matrix, Style(matrix), {true, Terminal::Colors::kNone, 80});
  EXPECT_LT(text.find("row2"), text.find("row1"));
  EXPECT_LT(text.find("row1"), text.find("row0"));
}

TEST(HeatmapTextTest, FiftyLayersFitATerminalOfOrdinaryWidth) {
  const SimilarityMatrix matrix = SampleMatrix(50, 50);
  const std::string text = RenderText(matrix, Style(matrix), {true, Terminal::Colors::kNone, 120});
  for (const absl::string_view line : absl::StrSplit(text, '\n'))
    EXPECT_LE(TextWidth(line), 120U) << line;
}

TEST(HeatmapTextTest, ACellWithoutAScoreIsExplained) {
  SimilarityMatrix matrix = SampleMatrix(2, 2);
  matrix.cells[0] = {std::nullopt, ScoreStatus::kTooFewInputs};
  const std::string text = RenderText(matrix, Style(matrix), {true, Terminal::Colors::kNone, 80});
  EXPECT_THAT(text, HasSubstr("–– no score: too few inputs"));
}

TEST(HeatmapTextTest, ATableIsPlainAlignedAndInReadingOrder) {
  SimilarityMatrix matrix = SampleMatrix(2, 2);
  matrix.cells[2] = {std::nullopt, ScoreStatus::kDegenerateConstant};
  EXPECT_EQ(RenderTable(matrix),
            "cka-kernel=linear-hsic=gretton-score   column0  column1\n"
            "row0                                         0     0.25\n"
            "row1                                  constant     0.75\n");
}

}  // namespace
}  // namespace gramian::client::cli
