// The gramian command, as a process, against a real gramiand.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "gramian/cli/npy.h"
#include "tests/integration/gramiand_process.h"

namespace gramian::client {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

struct Result {
  int exit_code = -1;
  std::string output;
  std::string errors;
};

std::string Read(const fs::path& path) {
  if (!fs::is_regular_file(path)) return "";  // a device gives no end
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

// One server for all tests of the suite, a folder for each of them.
class CommandTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<testing::GramiandProcess>(
        std::vector<std::string>{"--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"});
    ASSERT_TRUE(server_->WaitUntilListening()) << server_->errors();
  }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    // What one test pushes is not there for the others.
    project_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Runs `gramian ARGUMENTS` to its end.
  Result Gramian(const std::vector<std::string>& arguments, const std::string& server = "") const {
    std::vector<std::string> words = {"gramian", "--server",
                                      server.empty() ? server_->grpc_address() : server,
                                      "--project", project_};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string out = folder_ / "stdout.txt";
    const std::string err = folder_ / "stderr.txt";
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t pid = -1;
    const int error = posix_spawn(&pid, GRAMIAN, &files, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (error != 0) return {};
    int status = 0;
    waitpid(pid, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Read(out), Read(err)};
  }

  std::string Path(const std::string& name) const { return folder_ / name; }

  // Pushes one of the example networks, its rows in shuffled chunks.
  void MustPush(const std::string& network, const std::string& step = "100") const {
    const Result result = Gramian(
        {"push", std::string(EXAMPLES) + "/digits/" + network, "--network", network, "--step", step,
         "--order", "relu1,relu2,relu3,logits", "--chunk-rows", "37", "--shuffle-chunks", "1"});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_THAT(result.output, HasSubstr(network + "@" + step + ": 4 layers, 300.8 KiB"));
    EXPECT_THAT(result.errors, IsEmpty()) << "no progress bar without a terminal";
  }

  nlohmann::json Json(const std::string& name) const {
    return nlohmann::json::parse(Read(Path(name)));
  }

  static std::unique_ptr<testing::GramiandProcess> server_;
  fs::path folder_;
  std::string project_;
};

std::unique_ptr<testing::GramiandProcess> CommandTest::server_;

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
      nlohmann::json::parse(Read(std::string(EXAMPLES) + "/digits/expected.json"));
  const nlohmann::json json = Json("m.json");
  for (size_t i = 0; i < 4; ++i) {
    for (size_t j = 0; j < 4; ++j) {
      EXPECT_NEAR(json["values"][i][j].get<double>(),
                  expected["matrices"]["layers-cka"]["values"][i][j].get<double>(),
                  expected["tolerance"].get<double>());
    }
  }
  EXPECT_THAT(
      Read(Path("m.csv")),
      StartsWith("cka-kernel=linear-hsic=gretton-score,relu1,relu2,relu3,logits\nrelu1,0.92"));
  EXPECT_EQ(cli::NpyFile::Open(Path("m.npy"), std::nullopt)->header().shape,
            (std::vector<int64_t>{4, 4}));
  EXPECT_THAT(Read(Path("m.svg")), HasSubstr(">net1@"));
}

TEST_F(CommandTest, NetworksAreFusedAndCompared) {
  for (const char* network : {"net0", "net1", "net2"}) MustPush(network);
  const Result result = Gramian({"networks", "net0@100", "net1@100", "net2@100", "-m", "ms-cka-t=4",
                                 "-o", Path("n.json"), "--view", "heatmap"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("█"));
  const nlohmann::json expected =
      nlohmann::json::parse(Read(std::string(EXAMPLES) + "/digits/expected.json"));
  EXPECT_NEAR(Json("n.json")["values"][0][1].get<double>(),
              expected["matrices"]["networks-ms-cka-t4"]["values"][0][1].get<double>(),
              expected["tolerance"].get<double>());
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

TEST_F(CommandTest, WhatIsWrongWithTheCommandLineEndsWithTwoAndOneLine) {
  const std::string file = std::string(EXAMPLES) + "/digits/net1/relu1.npy";
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"push", file, "--network", "a", "--dtype", "int7"},
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
      {{"bogus"}, 2, "--help"},
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
       {"push", "ls", "rm", "info", "measures", "compare", "networks", "layer", "operator"}) {
    const Result result = Gramian({command, "--help"});
    EXPECT_EQ(result.exit_code, 0) << command;
    EXPECT_THAT(result.output, ContainsRegex("Examples?:\n  gramian ")) << command;
  }
}

}  // namespace
}  // namespace gramian::client
