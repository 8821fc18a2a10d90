#include "gramian/cli/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace gramian::client::cli {
namespace {

using ::testing::ElementsAre;

TEST(TextTest, CountsCharactersNotBytes) {
  EXPECT_EQ(TextWidth("relu1"), 5U);
  EXPECT_EQ(TextWidth("größe…"), 6U);
}

TEST(TextTest, ShortensInTheMiddleAndOnlyWhatIsTooLong) {
  EXPECT_EQ(Shorten("relu1", 5), "relu1");
  EXPECT_EQ(Shorten("encoder.block.11.relu", 9), "enco…relu");
  EXPECT_EQ(TextWidth(Shorten("äöüßäöüßäöüß", 6)), 6U);
}

TEST(TextTest, ShortenedTextsStayDifferent) {
  std::vector<std::string> layers = {"embeddings.word"};
  for (int i = 0; i < 12; ++i) {
    for (const char* side : {"encoder", "decoder"}) {
      layers.push_back(absl::StrCat("roberta.", side, ".layer.", i, ".attention.output.dense"));
    }
  }
  for (const size_t width : {5U, 11U, 20U, 28U, 36U}) {
    const std::vector<std::string> labels = ShortenAll(layers, width);
    EXPECT_EQ(std::set<std::string>(labels.begin(), labels.end()).size(), layers.size()) << width;
    for (const std::string& label : labels) EXPECT_LE(TextWidth(label), width) << label;
  }
  EXPECT_EQ(ShortenAll(layers, 36)[24], "roberta.de…11.attention.output.dense");
  EXPECT_EQ(ShortenAll(layers, 15)[0], "embeddings.word");
}

TEST(TextTest, TextsThatDifferInOnePartAreCutAroundIt) {
  EXPECT_THAT(ShortenAll({"model.layers.10.mlp.down_proj", "model.layers.11.mlp.down_proj"}, 12),
              ElementsAre("…10…own_proj", "…11…own_proj"));
  EXPECT_THAT(ShortenAll({"aaaaaaaaa", "aaaabaaaa"}, 6), ElementsAre("0:a…aa", "1:a…aa"));
  EXPECT_THAT(ShortenAll({"aaaaaaaaa", "aaaaaaaaa"}, 6), ElementsAre("aa…aaa", "aa…aaa"));
}

TEST(TextTest, AScoreHasTwoDecimalsOrThreeDigits) {
  EXPECT_EQ(FormatScore(0.9234), "0.92");
  EXPECT_EQ(FormatScore(1), "1.00");
  EXPECT_EQ(FormatScore(-0.0001), "0.00");
  EXPECT_EQ(FormatScore(-0.125), "-0.12");
  EXPECT_EQ(FormatScore(123456), "1.23e+05");
}

TEST(TextTest, AnExactNumberReadsBackAsTheSameDouble) {
  for (const double value : {0.1, 1.0 / 3.0, 6.02214076e23, -4.9e-324, 1.0, 0.92184230297121824}) {
    EXPECT_EQ(std::strtod(FormatExact(value).c_str(), nullptr), value);
  }
  EXPECT_EQ(FormatExact(0.1), "0.1");
}

TEST(TextTest, QuantitiesCarryTheirUnits) {
  EXPECT_EQ(FormatBytes(512), "512 B");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(int64_t{20} << 20), "20.0 MiB");
  EXPECT_EQ(FormatSeconds(0.000012), "12 us");
  EXPECT_EQ(FormatSeconds(0.0032), "3.2 ms");
  EXPECT_EQ(FormatSeconds(1.25), "1.25 s");
  EXPECT_EQ(FormatSeconds(125), "2 min 05 s");
}

TEST(TextTest, TableColumnsAreAlignedAndLinesEndWithoutSpaces) {
  Table table({Table::Align::kLeft, Table::Align::kRight, Table::Align::kLeft});
  table.AddRow({"layer", "n", "note"});
  table.AddRow({"größe", "10", ""});
  EXPECT_EQ(table.Render(), "layer   n  note\ngröße  10\n");
}

}  // namespace
}  // namespace gramian::client::cli
