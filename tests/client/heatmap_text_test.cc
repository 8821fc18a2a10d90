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

TEST(HeatmapTextTest, TheLowestScoresAreNotBlank) {
  for (const bool has_unicode : {true, false}) {
    const SimilarityMatrix matrix = SampleMatrix(50, 50);
    const std::string text =
        RenderText(matrix, Style(matrix), {true, Terminal::Colors::kNone, 80, has_unicode});
    EXPECT_THAT(text, HasSubstr(has_unicode ? "row0 ··········" : "row0 ..........")) << text;
  }
}

TEST(HeatmapTextTest, TheFirstRowIsTheLowest) {
  const SimilarityMatrix matrix = SampleMatrix(3, 1);
  const std::string text = RenderText(matrix, Style(matrix), {true, Terminal::Colors::kNone, 80});
  EXPECT_LT(text.find("row2"), text.find("row1"));
  EXPECT_LT(text.find("row1"), text.find("row0"));
}

TEST(HeatmapTextTest, NothingIsWiderThanTheTerminal) {
  for (const size_t width : {20U, 40U, 80U, 120U}) {
    for (const size_t size : {1U, 5U, 50U, 200U}) {
      SimilarityMatrix matrix = SampleMatrix(size, size);
      for (std::string& label : matrix.row_labels) label += ".encoder.block.attention.output";
      matrix.cells[0] = {std::nullopt, ScoreStatus::kTooFewInputs};
      const std::string text =
          RenderText(matrix, Style(matrix), {true, Terminal::Colors::kNone, width});
      for (const absl::string_view line : absl::StrSplit(text, '\n'))
        EXPECT_LE(TextWidth(line), width) << line;
    }
  }
}

TEST(HeatmapTextTest, FiftyLayersAreOnePanelOfOrdinaryWidth) {
  const SimilarityMatrix matrix = SampleMatrix(50, 50);
  const std::string text = RenderText(matrix, Style(matrix), {true, Terminal::Colors::kNone, 80});
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  EXPECT_EQ(lines.size(), 2U + 50U + 2U + 1U) << "title, axis, rows, columns, axis, end";
  EXPECT_THAT(text, HasSubstr("0    5    10   15   20   25   30   35   40   45"));
}

TEST(HeatmapTextTest, ColumnsThatDoNotFitComeInPanels) {
  const SimilarityMatrix matrix = SampleMatrix(2, 100);
  const std::string text = RenderText(matrix, Style(matrix), {true, Terminal::Colors::kNone, 45});
  EXPECT_THAT(text, ContainsRegex("\n +0    5 [^\n]+35\n"));
  EXPECT_THAT(text, ContainsRegex("\n +40   45 [^\n]+75\n"));
  EXPECT_THAT(text, ContainsRegex("\n +80   85   90   95\n"));
}

TEST(HeatmapTextTest, LayersThatDifferInTheirNumbersOnlyAreToldApart) {
  SimilarityMatrix matrix = SampleMatrix(12, 2);
  for (size_t i = 0; i < 12; ++i) {
    matrix.row_labels[i] = absl::StrCat("roberta.encoder.layer.", i, ".attention.output.dense");
  }
  const std::string text = RenderText(matrix, Style(matrix), {true, Terminal::Colors::kNone, 80});
  for (size_t i = 0; i < 12; ++i) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("…", i, ".attention.output.dense "))) << text;
  }
}

TEST(HeatmapTextTest, WithoutUnicodeEverythingIsAscii) {
  for (const size_t size : {2U, 60U}) {
    SimilarityMatrix part = SampleMatrix(size, size);
    part.row_labels[0] = "a.very.long.name.of.a.layer.that.has.to.be.shortened";
    part.cells[0] = {std::nullopt, ScoreStatus::kTooFewInputs};
    const std::string text =
        RenderText(part, Style(part), {true, Terminal::Colors::kNone, 80, /*has_unicode=*/false});
    for (const char c : text) ASSERT_LT(static_cast<unsigned char>(c), 0x80) << text;
    EXPECT_THAT(text, HasSubstr(size == 2 ? "-- no score: too few" : " / no score: too few"));
  }
}

TEST(HeatmapTextTest, ACellWithoutAScoreIsExplained) {
  SimilarityMatrix matrix = SampleMatrix(2, 2);
  matrix.cells[0] = {std::nullopt, ScoreStatus::kTooFewInputs};
  const std::string text = RenderText(matrix, Style(matrix), {true, Terminal::Colors::kNone, 80});
  EXPECT_THAT(text, HasSubstr("–– no score: too few inputs"));
}

TEST(HeatmapTextTest, TheLegendShowsWhatNarrowCellsShow) {
  SimilarityMatrix matrix = SampleMatrix(50, 50);
  matrix.cells[0] = {std::nullopt, ScoreStatus::kTooFewInputs};
  const std::string text = RenderText(matrix, Style(matrix), {true, Terminal::Colors::kNone, 80});
  EXPECT_THAT(text, HasSubstr(" ╱ no score: too few inputs"));
  EXPECT_THAT(text, HasSubstr("row0 ╱"));
  EXPECT_THAT(text, Not(HasSubstr("––")));
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
