#include "gramian/cli/match_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace gramian::client::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

MatchReport Matches() {
  MatchReport report;
  report.measure = "cka";
  report.input_count = 500;
  report.matches = {{"n/l1", "l1", "m/l2", "l2", {0.5, ScoreStatus::kOk}, "l1"},
                    {"n/l2", "l2", "", "", {std::nullopt, ScoreStatus::kDegenerateConstant}, ""},
                    {"n/l3", "l3", "", "", {std::nullopt, ScoreStatus::kOk}, "l3"}};
  report.known_count = 2;
  report.accuracy = 0.0;
  return report;
}

EmbedReport Networks() {
  EmbedReport report;
  report.measure = "cka";
  report.input_count = 500;
  report.networks = {{"a", "a@0", true, {0.5, -0.25}, {0.0, 1.0}},
                     {"b", "b<@0", false, {}, {}},
                     {"c", "c@0", true, {-0.5, 0.25}, {1.0, 0.0}}};
  report.stress = 0.125;
  report.merges = {{0, 1, 1.0, 2}};
  report.leaf_order = {0, 2};
  return report;
}

TEST(MatchExportTest, AMatchIsATable) {
  EXPECT_EQ(Render(Matches()),
            "cka, n = 500\n"
            "layer  counterpart     score  truth\n"
            "l1     l2             0.5000  wrong\n"
            "l2     -            constant\n"
            "l3     -                   -  wrong\n"
            "0 of 2 right: accuracy 0.000\n");
  EXPECT_EQ(ToCsv(Matches()),
            "layer,counterpart,value,status,expected\n"
            "l1,l2,0.5,ok,l1\n"
            "l2,,,constant,\n"
            "l3,,,ok,l3\n");
  const auto json = nlohmann::json::parse(ToJson(Matches()));
  EXPECT_TRUE(json["matches"][1]["counterpart"].is_null());
  EXPECT_EQ(json["accuracy"], 0.0);
}

TEST(MatchExportTest, ASearchIsARankedTable) {
  SearchReport report;
  report.measure = "cka";
  report.input_count = 500;
  report.candidate_count = 2;
  report.skipped_count = 1;
  report.networks = {{"b", "b@0", {0.75, ScoreStatus::kOk}},
                     {"c", "c@0", {std::nullopt, ScoreStatus::kDegenerateConstant}}};
  EXPECT_EQ(Render(report),
            "cka, n = 500, 2 compared, 1 saw other inputs\n"
            "   network     score\n"
            "1  b@0        0.7500\n"
            "2  c@0      constant\n");
  EXPECT_EQ(ToCsv(report), "network,value,status\nb@0,0.75,ok\nc@0,,constant\n");
  EXPECT_EQ(nlohmann::json::parse(ToJson(report))["networks"][0]["value"], 0.75);
}

TEST(MatchExportTest, AnEmbeddingIsPlacesAndATree) {
  EXPECT_EQ(Render(Networks()),
            "cka, n = 500, stress-1 of the picture 0.125\n"
            "network  place\n"
            "a@0       0.5000  -0.2500\n"
            "c@0      -0.5000   0.2500\n"
            "1.0000  (a@0 c@0)\n");
  EXPECT_EQ(ToCsv(Networks()), "network,x1,x2,a@0,c@0\na@0,0.5,-0.25,0,1\nc@0,-0.5,0.25,1,0\n");
  const auto json = nlohmann::json::parse(ToJson(Networks()));
  EXPECT_EQ(json["merges"][0], nlohmann::json({0, 1, 1.0, 2}));
  EXPECT_EQ(json["leaf_order"], nlohmann::json({0, 2}));
  EmbedReport none = Networks();
  none.status = ScoreStatus::kDegenerateConstant;
  EXPECT_EQ(Render(none), "cka, n = 500: no picture, constant\n");
}

TEST(MatchExportTest, AFigureShowsPlacedNetworksTwice) {
  const std::string svg = RenderSvg(Networks());
  EXPECT_THAT(svg, HasSubstr("<circle class=\"point\""));
  EXPECT_THAT(svg, HasSubstr("<line"));
  EXPECT_THAT(svg, HasSubstr(">c@0<"));
  EXPECT_THAT(svg, Not(HasSubstr("b<@0")));
  EXPECT_THAT(svg, Not(HasSubstr("b&lt;@0")));
}

}  // namespace
}  // namespace gramian::client::cli
