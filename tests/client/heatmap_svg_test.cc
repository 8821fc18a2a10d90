#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gramian/cli/heatmap.h"
#include "gramian/cli/text.h"
#include "tests/client/sample_matrix.h"

namespace gramian::client::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// What keeps `xml` from being well-formed: tags that do not nest, stray '<' or '&', attributes
// without quotes. Empty when nothing does.
std::string WhatIsNotWellFormed(const std::string& xml) {
  static const std::regex kTag(
      R"(<(/?)([A-Za-z][\w:-]*)((?:\s+[\w:-]+="[^"<&]*(?:&\w+;[^"<&]*)*")*)\s*(/?)>)");
  static const std::regex kText(R"((?:[^<&]|&(?:amp|lt|gt|quot);)*)");
  std::vector<std::string> open;
  auto position = xml.cbegin() + static_cast<std::ptrdiff_t>(xml.find("?>") + 2);
  std::smatch match;
  while (std::regex_search(position, xml.cend(), match, kTag)) {
    if (!std::regex_match(match.prefix().str(), kText))
      return "before " + match.str() + ": " + match.prefix().str();
    position = match.suffix().first;
    if (match[4].length() > 0) continue;
    if (match[1].length() == 0) {
      open.push_back(match[2]);
    } else if (open.empty() || open.back() != match[2]) {
      return "unexpected " + match.str();
    } else {
      open.pop_back();
    }
  }
  if (!open.empty()) return "never closed: " + open.back();
  return std::regex_match(std::string(position, xml.cend()), kText) ? "" : "stray text at the end";
}

size_t Count(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

std::string Draw(const SimilarityMatrix& matrix) {
  return RenderSvg(matrix, {matrix.measure, "a@1", "b@2", "fused", ChooseScale(0, 1, matrix)});
}

TEST(HeatmapSvgTest, IsWellFormedAndHasACellForEveryScore) {
  for (const auto& [rows, columns] :
       {std::pair<size_t, size_t>{4, 4}, {1, 1}, {3, 12}, {12, 3}, {50, 50}}) {
    const std::string svg = Draw(SampleMatrix(rows, columns));
    EXPECT_THAT(WhatIsNotWellFormed(svg), IsEmpty()) << rows << " x " << columns;
    EXPECT_EQ(Count(svg, "<rect class=\"cell\""), rows * columns);
  }
}

TEST(HeatmapSvgTest, NamesTheMeasureAndEveryRowAndColumn) {
  const std::string svg = Draw(SampleMatrix(5, 7));
  EXPECT_THAT(svg, HasSubstr(">cka-kernel=linear-hsic=gretton-score</text>"));
  EXPECT_THAT(svg, HasSubstr(">n = 500 inputs, larger is more similar; fused</text>"));
  EXPECT_THAT(svg, HasSubstr(">a@1</text>"));
  EXPECT_THAT(svg, HasSubstr(">b@2</text>"));
  for (int i = 0; i < 5; ++i) EXPECT_THAT(svg, HasSubstr(absl::StrCat(">row", i, "</text>")));
  for (int j = 0; j < 7; ++j) EXPECT_THAT(svg, HasSubstr(absl::StrCat(">column", j, "</text>")));
}

TEST(HeatmapSvgTest, ValuesArePrintedWhereTheyCanBeReadOnly) {
  const SimilarityMatrix small = SampleMatrix(4, 4);
  const std::string readable = Draw(small);
  for (const Cell& cell : small.cells) {
    EXPECT_THAT(readable, HasSubstr(absl::StrCat(">", FormatScore(*cell.value), "</text>")));
  }
  const std::string dense = Draw(SampleMatrix(50, 50));
  EXPECT_THAT(dense, Not(HasSubstr(">0.52</text>")));
  EXPECT_THAT(dense, HasSubstr(": 0.52</title>")) << "pointing at a cell still shows its value";
}

TEST(HeatmapSvgTest, TheFirstRowIsAtTheBottom) {
  const std::string svg = Draw(SampleMatrix(3, 1));
  const auto height = [&svg](const std::string& label) {
    std::smatch match;
    const std::regex pattern("y=\"([0-9.]+)\"[^>]*>" + label + "</text>");
    return std::regex_search(svg, match, pattern) ? std::stod(match[1]) : -1;
  };
  EXPECT_GT(height("row0"), height("row1"));
  EXPECT_GT(height("row1"), height("row2"));
}

TEST(HeatmapSvgTest, ACellWithoutAScoreIsHatchedAndExplained) {
  SimilarityMatrix matrix = SampleMatrix(2, 2);
  EXPECT_THAT(Draw(matrix), Not(HasSubstr("no score:")));
  matrix.cells[3] = {std::nullopt, ScoreStatus::kDegenerateConstant};
  const std::string svg = Draw(matrix);
  EXPECT_THAT(svg, HasSubstr("fill=\"url(#no-score)\"><title>row1 and column1: constant</title>"));
  EXPECT_THAT(svg, HasSubstr(">no score: constant</text>"));
  EXPECT_THAT(WhatIsNotWellFormed(svg), IsEmpty());
}

TEST(HeatmapSvgTest, NamesAreEscapedAndLongOnesShortened) {
  SimilarityMatrix matrix = SampleMatrix(1, 1);
  matrix.row_labels[0] = "a<b> & \"c\"";
  matrix.column_labels[0] = std::string(200, 'x');
  const std::string svg = Draw(matrix);
  EXPECT_THAT(WhatIsNotWellFormed(svg), IsEmpty());
  EXPECT_THAT(svg, HasSubstr(">a&lt;b&gt; &amp; &quot;c&quot;</text>"));
  EXPECT_THAT(svg, HasSubstr("…"));
}

TEST(HeatmapSvgTest, LayersThatDifferInTheirNumbersOnlyAreToldApart) {
  SimilarityMatrix matrix = SampleMatrix(50, 50);
  for (size_t i = 0; i < 50; ++i) {
    matrix.row_labels[i] = absl::StrCat("roberta.encoder.layer.", i, ".attention.output.dense");
    matrix.column_labels[i] = matrix.row_labels[i];
  }
  const std::string svg = Draw(matrix);
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(Count(svg, absl::StrCat("…", i, ".attention.output.dense</text>")), 2U) << i;
  }
}

TEST(HeatmapSvgTest, TheColorBarHasTicksFromEndToEnd) {
  const std::string svg = Draw(SampleMatrix(4, 4));
  for (const char* tick : {"0", "0.2", "0.4", "0.6", "0.8", "1"}) {
    EXPECT_THAT(svg, HasSubstr(absl::StrCat(">", tick, "</text>")));
  }
}

}  // namespace
}  // namespace gramian::client::cli
