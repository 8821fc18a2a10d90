// The gramian command, as a process, against a real gramiand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/cli/npy.h"
#include "tests/client/command_fixture.h"

namespace gramian::client {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(CommandTest, PushedLayersAreListedInTheirOrder) {
  MustPush("net0");
  const Result layers = Gramian({"ls", "layers", "net0@last"});
  ASSERT_EQ(layers.exit_code, 0) << layers.errors;
  EXPECT_THAT(layers.output, ContainsRegex("0  relu1 +500 +64  float32"));
  EXPECT_THAT(layers.output, ContainsRegex("3  logits +500 +10  float32"));
  EXPECT_THAT(Gramian({"ls"}).output, HasSubstr("net0             1        100"));
  EXPECT_THAT(Gramian({"ls", "networks"}).output, HasSubstr("net0"));
  EXPECT_THAT(Gramian({"ls", "snapshots", "net0"}).output, ContainsRegex("net0@100 +4  300.8 KiB"));
}

TEST_F(CommandTest, ComparingWritesEveryFormatWithTheRightValues) {
  MustPush("net0");
  MustPush("net1");
  const Result result =
      Gramian({"compare", "net0@100", "net1@last", "--measure", "cka", "-o", Path("m.json"), "-o",
               Path("m.csv"), "-o", Path("m.npy"), "-o", Path("m.svg")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, StartsWith("cka-kernel=linear-hsic=gretton-score"));
  EXPECT_THAT(result.output, Not(HasSubstr("\x1b"))) << "no colors without a terminal";
  const nlohmann::json expected =
      nlohmann::json::parse(ReadFile(std::string(EXAMPLES) + "/digits/expected.json"));
  const nlohmann::json json = Json("m.json");
  for (size_t i = 0; i < 4; ++i) {
    for (size_t j = 0; j < 4; ++j) {
      EXPECT_NEAR(json["values"][i][j].get<double>(),
                  expected["matrices"]["layers-cka"]["values"][i][j].get<double>(),
                  expected["tolerance"].get<double>());
    }
  }
  EXPECT_THAT(
      ReadFile(Path("m.csv")),
      StartsWith("cka-kernel=linear-hsic=gretton-score,relu1,relu2,relu3,logits\nrelu1,0.92"));
  EXPECT_EQ(cli::NpyFile::Open(Path("m.npy"), std::nullopt)->header().shape,
            (std::vector<int64_t>{4, 4}));
  EXPECT_THAT(ReadFile(Path("m.svg")), HasSubstr(">net1@"));
}

TEST_F(CommandTest, NetworksAreFusedAndCompared) {
  for (const char* network : {"net0", "net1", "net2"}) MustPush(network);
  setenv("LC_ALL", "C.UTF-8", 1);
  const Result result = Gramian({"networks", "net0@100", "net1@100", "net2@100", "-m", "ms-cka-t=4",
                                 "-o", Path("n.json"), "--view", "heatmap"});
  unsetenv("LC_ALL");
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("█"));
  const nlohmann::json expected =
      nlohmann::json::parse(ReadFile(std::string(EXAMPLES) + "/digits/expected.json"));
  EXPECT_NEAR(Json("n.json")["values"][0][1].get<double>(),
              expected["matrices"]["networks-ms-cka-t4"]["values"][0][1].get<double>(),
              expected["tolerance"].get<double>());
}

TEST_F(CommandTest, WithoutUnicodeAHeatmapIsAscii) {
  MustPush("net0");
  setenv("LC_ALL", "C", 1);
  const Result result = Gramian({"compare", "net0@100", "net0@100", "--view", "heatmap"});
  unsetenv("LC_ALL");
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("#"));
  for (const char c : result.output) ASSERT_LT(static_cast<unsigned char>(c), 0x80);
}

TEST_F(CommandTest, OnePairTakesSeveralMeasures) {
  MustPush("net0");
  const Result result =
      Gramian({"layer", "net0@100/relu1", "net0@100/relu2", "-m", "cka,cka-hsic=song", "-m",
               "ms-cka-t=4", "-o", Path("s.csv"), "-o", Path("s.json")});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const nlohmann::json json = Json("s.json");
  ASSERT_EQ(json.size(), 3U);
  EXPECT_EQ(json[1]["measure"], "cka-kernel=linear-hsic=song-score");
  for (const nlohmann::json& score : json) EXPECT_TRUE(score["value"].is_number()) << score;
  EXPECT_EQ(json[0]["input_count"], 500);
}

TEST_F(CommandTest, AnOperatorIsShownAndWritten) {
  MustPush("net0");
  const Result spectrum = Gramian({"operator", "net0@100", "--count", "5"});
  ASSERT_EQ(spectrum.exit_code, 0) << spectrum.errors;
  const Result rows =
      Gramian({"operator", "net0@100/relu1", "--rows", "3:2", "-o", Path("p.json")});
  ASSERT_EQ(rows.exit_code, 0) << rows.errors;
  const nlohmann::json file = Json("p.json");
  for (const nlohmann::json& row : file["values"]) {
    ASSERT_EQ(row.size(), 500U);
    double sum = 0;
    for (const nlohmann::json& value : row) sum += value.get<double>();
    EXPECT_NEAR(sum, 1, 500 * std::numeric_limits<double>::epsilon());
  }
}

TEST_F(CommandTest, PushingTheSameAgainIsFineAndOtherContentIsNot) {
  MustPush("net0");
  MustPush("net0");
  fs::copy_file(std::string(EXAMPLES) + "/digits/net1/relu1.npy", Path("relu1.npy"));
  const Result refused = Gramian({"push", Path("relu1.npy"), "--network", "net0", "--step", "100"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, ContainsRegex("^gramian: .*relu1.*; --replace"));
  const Result replaced =
      Gramian({"push", Path("relu1.npy"), "--network", "net0", "--step", "100", "--replace"});
  EXPECT_EQ(replaced.exit_code, 0) << replaced.errors;
}

TEST_F(CommandTest, LayersPushedOneByOneAreInTheOrderOfPushing) {
  // The second time each keeps its place.
  for (int round = 0; round < 2; ++round) {
    for (const char* layer : {"relu3", "relu1", "logits"}) {
      const std::string file = absl::StrCat(EXAMPLES, "/digits/net0/", layer, ".npy");
      const Result pushed = Gramian({"push", file, "--network", "net0", "--step", "100"});
      ASSERT_EQ(pushed.exit_code, 0) << pushed.errors;
    }
    EXPECT_THAT(Gramian({"ls", "layers", "net0@100"}).output,
                ContainsRegex("0 +relu3 [^\n]+\n *1 +relu1 [^\n]+\n *2 +logits "));
  }
}

TEST_F(CommandTest, WhatIsWrongWithTheCommandLineEndsWithTwoAndOneLine) {
  const std::string file = std::string(EXAMPLES) + "/digits/net1/relu1.npy";
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"push", file, "--network", "a", "--dtype", "int7"},
                                             {"push", file, "--network", "a", "--chunk-rows", "0"},
                                             {"push", file, "--network", "a", "--chunk-rows", "-3"},
                                             {"push", file, "--network", "a", "--jobs", "0"},
                                             {"rm"},
                                             {"rm", "a@1", "--network", "a"},
                                             {"pull", "a@1", "-o", "x.npy"},
                                             {"probe-set", "create", "v"},
                                             {"push", file, "--network", "a", "--reduction", "sum"},
                                             {"ls", "networks", "--timeout", "-1"},
                                             {"ls", "layers", "no-step"},
                                             {"operator", "a@1", "-o", "x.docx"}}) {
    const Result result = Gramian(arguments);
    EXPECT_EQ(result.exit_code, 2) << result.errors;
    EXPECT_THAT(result.errors, StartsWith("gramian: "));
    EXPECT_EQ(result.errors.find('\n'), result.errors.size() - 1) << result.errors;
  }
  EXPECT_EQ(Gramian({"push", Path("none.npy"), "--network", "a"}).exit_code, 1);
}

TEST_F(CommandTest, OutputThatCannotBeWrittenIsAFailure) {
  fs::create_symlink("/dev/full", Path("stdout.txt"));
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"measures"}, {"--help"}}) {
    const Result result = Gramian(arguments);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.errors, EndsWith("gramian: standard output could not be written\n"));
  }
}

TEST_F(CommandTest, RemovedSnapshotsAreGone) {
  MustPush("net0");
  const Result last = Gramian({"rm", "net0@last"});
  EXPECT_EQ(last.exit_code, 1) << "nobody deletes what they have not seen";
  const Result removed = Gramian({"rm", "net0@100"});
  EXPECT_EQ(removed.exit_code, 0) << removed.errors;
  EXPECT_EQ(removed.output, "removed net0@100: 4 layers, 300.8 KiB\n");
  const Result gone = Gramian({"ls", "layers", "net0@100"});
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_THAT(gone.errors, ContainsRegex("^gramian: .*net0.*; `gramian ls`"));
}

TEST_F(CommandTest, TheServerAndItsMeasuresAreDescribed) {
  const Result info = Gramian({"info"});
  EXPECT_EQ(info.exit_code, 0) << info.errors;
  EXPECT_THAT(info.output, ContainsRegex("largest chunk +1.0 MiB"));
  const Result measures = Gramian({"measures"});
  EXPECT_EQ(measures.exit_code, 0) << measures.errors;
  EXPECT_THAT(measures.output, HasSubstr("cka-kernel=linear-hsic=gretton-score"));
  EXPECT_THAT(Gramian({"measures", "--long"}).output, HasSubstr("does not change with"));
}

TEST_F(CommandTest, FailuresAreOneLineThatSaysWhatToDo) {
  MustPush("net0");
  struct Case {
    std::vector<std::string> arguments;
    int exit_code;
    std::string pattern;
  };
  const Case cases[] = {
      {{"compare", "net0@100", "net0"}, 2, "write network@step"},
      {{"compare", "net0@100", "net0@100", "-m", "no-such"}, 1, "`gramian measures`"},
      {{"compare", "net0@100", "net0@100", "-o", "m.png"}, 2, "end it in .csv"},
      {{"compare", "net0@100", "absent@1"}, 1, "`gramian ls`"},
      {{"push", "/nowhere", "--network", "n"}, 1, "no such file"},
      {{"push"}, 2, "--help"},
      {{"bogus"}, 2, "no command 'bogus'.*--help"},
      {{"--bogus"}, 2, "no option '--bogus'"},
      {{"compare", "absent@1", "absent@1", "-o", "/nowhere/m.csv"}, 1, "cannot write /nowhere"},
      {{"pull", "absent@1", "-o", "/nowhere/m.safetensors"}, 1, "cannot write /nowhere"},
      {{"operator", "net0@100", "--rows", "x"}, 2, "--rows FIRST|FIRST:COUNT"},
  };
  for (const Case& test : cases) {
    const Result result = Gramian(test.arguments);
    EXPECT_EQ(result.exit_code, test.exit_code) << result.errors;
    EXPECT_THAT(result.errors, ContainsRegex("^gramian: [^\n]*" + test.pattern + "[^\n]*\n$"));
    EXPECT_THAT(result.output, IsEmpty());
  }
}

TEST_F(CommandTest, AServerThatIsNotThereIsWorthARetry) {
  const Result result = Gramian({"--timeout", "0.2", "ls"}, "127.0.0.1:1");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.errors, HasSubstr("start one with `gramiand`"));
}

TEST_F(CommandTest, EveryCommandHasHelpWithExamples) {
  for (const char* command :
       {"push",  "pull",     "ls",      "rm",       "pin",   "unpin",    "probe-set",
        "info",  "measures", "compare", "networks", "layer", "match",    "search",
        "embed", "operator", "path",    "msa",      "align", "accuracy", "quotas"}) {
    const Result result = Gramian({command, "--help"});
    EXPECT_EQ(result.exit_code, 0) << command;
    EXPECT_THAT(result.output, ContainsRegex("Examples?:\n  gramian ")) << command;
  }
}

}  // namespace
}  // namespace gramian::client
