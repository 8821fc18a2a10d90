// The commands `layer` with its permutations, `match`, `search` and `embed` against a real
// gramiand: two unrelated layers, and the digits networks of the golden records.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/client/command_fixture.h"

namespace gramian::client {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class MatchCommandTest : public CommandTest {
 protected:
  void Push(const std::string& network, const std::vector<std::string>& files) {
    std::vector<std::string> arguments = {"push", "--network", network};
    arguments.insert(arguments.end(), files.begin(), files.end());
    const Result result = Gramian(arguments);
    ASSERT_EQ(result.exit_code, 0) << result.errors;
  }
  void PushDigits() {
    for (const std::string network : {"net0", "net1", "net2"}) {
      std::vector<std::string> layers;
      for (int i = 1; i <= 4; ++i) {
        layers.push_back(absl::StrCat(GOLDEN, "/digits/", network, "_layer", i, ".npy"));
      }
      Push(network, layers);
    }
  }
  void PushIndependent() {
    Push("independent", {std::string(EXAMPLES) + "/independent/x.npy",
                         std::string(EXAMPLES) + "/independent/y.npy"});
  }
};

// Biased CKA is high, not significant, and near 0 without bias.
TEST_F(MatchCommandTest, UnrelatedLayersLookAlikeAndAreNotSignificant) {
  PushIndependent();
  const Result result = Gramian({"layer", "independent@0/x", "independent@0/y", "--permutations",
                                 "1000", "--bootstrap", "200", "--halves", "50", "--seed", "1",
                                 "-o", Path("s.json"), "-o", Path("s.csv")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, ContainsRegex("\n +debiased +-?0\\.0"));
  EXPECT_THAT(result.output, ContainsRegex("\npermutations +p = 0\\."));
  EXPECT_THAT(result.errors, HasSubstr("n = 50 is less than twice d = 120"));
  const nlohmann::json score = Json("s.json")[0];
  EXPECT_GT(score["value"].get<double>(), 0.6);
  EXPECT_LT(std::abs(score["debiased"]["value"].get<double>()), 0.05);
  EXPECT_TRUE(score["has_few_inputs"].get<bool>());
  EXPECT_GT(score["permutation_test"]["p"].get<double>(), 0.05);
  EXPECT_GT(score["permutation_test"]["threshold"].get<double>(), score["value"].get<double>());
  EXPECT_LT(std::abs(score["permutation_test"]["z"].get<double>()), 2.0);
  EXPECT_LT(score["bootstrap"]["lower"].get<double>(), score["value"].get<double>());
  EXPECT_GT(score["bootstrap"]["upper"].get<double>(), score["value"].get<double>());
  EXPECT_EQ(score["halves"]["valid_count"], 50);
  const std::vector<std::string> lines = absl::StrSplit(ReadFile(Path("s.csv")), '\n');
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_THAT(lines[0], StartsWith("measure,value,status,n,d_a,d_b,debiased_measure"));
  EXPECT_EQ(std::count(lines[0].begin(), lines[0].end(), ','),
            std::count(lines[1].begin(), lines[1].end(), ','));
}

TEST_F(MatchCommandTest, EveryMeasureOfRelatedLayersIsSignificant) {
  PushDigits();
  const Result result = Gramian({"layer", "net0@0/net0_layer2", "net1@0/net1_layer2", "-m",
                                 "cka,procrustes,distcorr,cca,bures,stress-rescale=median",
                                 "--permutations", "99", "-o", Path("s.json")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  for (const nlohmann::json& score : Json("s.json")) {
    EXPECT_EQ(score["permutation_test"]["p"], 0.01) << score;
    EXPECT_GT(score["permutation_test"]["z"].get<double>(), 5.0) << score;
    EXPECT_FALSE(score.contains("bootstrap"));
  }
}

TEST_F(MatchCommandTest, LayersFindTheirCounterparts) {
  PushDigits();
  const Result result = Gramian({"match", "net0@0", "net1@0", "-m", "cka", "--method", "hungarian",
                                 "--truth", "order", "-o", Path("m.csv"), "-o", Path("m.json")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, StartsWith("cka-kernel=linear-hsic=gretton-score, n = 500\n"));
  EXPECT_THAT(result.output, ContainsRegex("\nnet0_layer1 +net1_layer1 +0\\.[0-9]+ +right"));
  EXPECT_THAT(result.output, HasSubstr("4 of 4 right: accuracy 1.000"));
  const nlohmann::json json = Json("m.json");
  ASSERT_EQ(json["matches"].size(), 4U);
  // The scores are those of the matrix.
  ASSERT_EQ(Gramian({"compare", "net0@0", "net1@0", "-o", Path("c.json")}).exit_code, 0);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(json["matches"][i]["value"], Json("c.json")["values"][i][i]);
  }
  EXPECT_THAT(ReadFile(Path("m.csv")),
              StartsWith("layer,counterpart,value,status,expected\nnet0_layer1,net1_layer1,0."));
}

TEST_F(MatchCommandTest, TheNearestNetworksAreFoundByEveryRule) {
  PushDigits();
  PushIndependent();
  const Result fused = Gramian({"search", "net0@0", "-m", "ms-cka-t=2", "-o", Path("f.json")});
  ASSERT_EQ(fused.exit_code, 0) << fused.errors;
  EXPECT_THAT(fused.output, HasSubstr("n = 500, 2 compared, 1 saw other inputs\n"));
  ASSERT_EQ(
      Gramian({"networks", "net0@0", "net1@0", "net2@0", "-m", "ms-cka-t=2", "-o", Path("n.json")})
          .exit_code,
      0);
  const nlohmann::json row = Json("n.json")["values"][0];
  const bool is_first = row[1].get<double>() > row[2].get<double>();
  EXPECT_EQ(Json("f.json")["networks"][0]["network"], is_first ? "net1@0" : "net2@0");
  EXPECT_EQ(Json("f.json")["networks"][0]["value"], row[is_first ? 1 : 2]);
  const Result matched = Gramian({"search", "net0@0", "net2@0", "-m", "procrustes-form=angular",
                                  "--rule", "matched", "-k", "1"});
  ASSERT_EQ(matched.exit_code, 0) << matched.errors;
  EXPECT_THAT(matched.output, ContainsRegex("1 +net2@0 +0\\.[0-9]+"));
}

TEST_F(MatchCommandTest, NetworksAreEmbeddedTogether) {
  PushDigits();
  const Result result =
      Gramian({"embed", "net0@0", "net1@0", "net2@0", "-m", "ms-cka-t=2", "--linkage", "complete",
               "-o", Path("e.svg"), "-o", Path("e.json"), "-o", Path("e.csv")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("stress-1 of the picture 0.000"));
  EXPECT_THAT(result.output, ContainsRegex("\n0\\.[0-9]+  \\(net[0-2]@0 net[0-2]@0\\)\n"));
  const nlohmann::json json = Json("e.json");
  EXPECT_EQ(json["merges"].size(), 2U);
  EXPECT_EQ(json["leaf_order"].size(), 3U);
  EXPECT_EQ(json["networks"][0]["distances"][0], 0.0);
  EXPECT_THAT(ReadFile(Path("e.csv")), StartsWith("network,x1,x2,net0@0,net1@0,net2@0\nnet0@0,"));
  const std::string svg = ReadFile(Path("e.svg"));
  EXPECT_THAT(svg, HasSubstr("<circle class=\"point\""));
  EXPECT_THAT(svg, HasSubstr("net2@0"));
}

TEST_F(MatchCommandTest, WhatIsWrongIsSaid) {
  PushDigits();
  EXPECT_EQ(Gramian({"match", "net0@0"}).exit_code, 2);
  EXPECT_EQ(Gramian({"match", "net0@0", "net1@0", "--method", "best"}).exit_code, 2);
  EXPECT_EQ(Gramian({"embed", "net0@0", "-o", "x.npy"}).exit_code, 2);
  const Result fused = Gramian({"search", "net0@0", "-m", "procrustes"});
  EXPECT_EQ(fused.exit_code, 1);
  EXPECT_THAT(fused.errors, HasSubstr("compare them by matched or best layers"));
  const Result few =
      Gramian({"layer", "net0@0/net0_layer1", "net0@0/net0_layer2", "--permutations", "10"});
  EXPECT_EQ(few.exit_code, 1);
  EXPECT_THAT(few.errors, HasSubstr("needs at least 19"));
}

}  // namespace
}  // namespace gramian::client
