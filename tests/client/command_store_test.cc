// What the gramian command keeps, brings back and goes on with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "gramian/cli/npy.h"
#include "gramian/client/resource_name.h"
#include "tests/client/command_fixture.h"
#include "tests/integration/child_process.h"
#include "tests/server/http_get.h"

namespace gramian::client {
namespace {

namespace fs = std::filesystem;
using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

class CommandStoreTest : public CommandTest {
 protected:
  static std::string Example(const std::string& name) {
    return std::string(EXAMPLES) + "/digits/" + name;
  }

  // A float32 matrix of counting numbers as a file.
  std::string MakeFile(const std::string& name, int64_t rows, int64_t columns) const {
    const int64_t shape[] = {rows, columns};
    std::vector<float> values(static_cast<size_t>(rows * columns));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 100'003);
    std::ofstream file(Path(name), std::ios::binary);
    file << cli::EncodeNpyHeader(DType::kFloat32, shape);
    file.write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(float)));
    return Path(name);
  }

  // The arguments of a gramiand with a data directory.
  std::vector<std::string> KeepingServer(const std::string& address) const {
    return {"--listen",   address,      "--metrics-listen",     "127.0.0.1:0",
            "--data-dir", Path("data"), "--disk-reserve-bytes", "0"};
  }

  void WriteLines(const std::string& name, const std::vector<std::string>& lines) const {
    std::ofstream file(Path(name));
    for (const std::string& line : lines) file << line << "\n";
  }

  // Whether two files hold the same array.
  static bool AreEqual(const std::string& a, const std::string& b) {
    const auto first = cli::NpyFile::Open(a, std::nullopt);
    const auto second = cli::NpyFile::Open(b, std::nullopt);
    return first.ok() && second.ok() && first->header().shape == second->header().shape &&
           std::ranges::equal(first->data(), second->data());
  }
};

// Bytes that a server has taken so far.
double IngestedBytes(const std::string& metrics_address) {
  for (const absl::string_view line :
       absl::StrSplit(testing::HttpGet(metrics_address, "/metrics").body, '\n')) {
    double value = 0;
    if (absl::StartsWith(line, "gramian_ingest_bytes_total ") &&
        absl::SimpleAtod(line.substr(line.rfind(' ')), &value))
      return value;
  }
  return 0;
}

// Waits until a server has taken so much, at most a minute.
void AwaitIngested(const testing::GramiandProcess& server, double bytes) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (IngestedBytes(server.metrics_address()) < bytes &&
         std::chrono::steady_clock::now() < limit)
    std::this_thread::yield();
}

TEST_F(CommandStoreTest, WhatIsPulledIsWhatWasPushed) {
  MustPush("net0");
  const Result layer = Gramian({"pull", "net0@last/relu1", "-o", Path("one.npy")});
  ASSERT_EQ(layer.exit_code, 0) << layer.errors;
  EXPECT_TRUE(AreEqual(Path("one.npy"), Example("net0/relu1.npy")));
  const Result folder = Gramian({"pull", "net0@100", "-o", Path("all")});
  ASSERT_EQ(folder.exit_code, 0) << folder.errors;
  EXPECT_THAT(folder.output, HasSubstr("net0@100: 4 layers, 300.8 KiB to "));
  for (const char* name : {"relu1.npy", "relu2.npy", "relu3.npy", "logits.npy"})
    EXPECT_TRUE(AreEqual(Path("all") + "/" + name, Example(std::string("net0/") + name))) << name;
  const Result file = Gramian({"pull", "net0@100", "-o", Path("all.safetensors")});
  ASSERT_EQ(file.exit_code, 0) << file.errors;
  EXPECT_GT(fs::file_size(Path("all.safetensors")), 500 * (64 + 48 + 32 + 10) * 4U);
}

TEST_F(CommandStoreTest, AFolderThatWasPulledCanBePushed) {
  fs::copy_file(Example("net0/relu1.npy"), Path("encoder%2F0%3Arelu.npy"));
  ASSERT_EQ(Gramian({"push", Path("encoder%2F0%3Arelu.npy"), "--network", "a"}).exit_code, 0);
  ASSERT_EQ(Gramian({"pull", "a@0", "-o", Path("out")}).exit_code, 0);
  const Result again = Gramian({"push", Path("out"), "--network", "a"});
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_THAT(again.output, HasSubstr("encoder/0:relu"));
  EXPECT_THAT(again.output, EndsWith("; 125.0 KiB were there already\n"));
}

TEST_F(CommandStoreTest, LayersWithOddNamesComeBackUnderTheirNames) {
  const std::vector<std::string> names = {".",        "..",    "a/b",         "../up", "/root",
                                          ".npy",     " ",     "-o",          "100%",  "a%2Fb",
                                          "\xc3\xa9", "x.npy", "__metadata__"};
  fs::create_directories(Path("in"));
  for (size_t i = 0; i < names.size(); ++i) {
    MakeFile("in/" + EncodeId(names[i]) + ".npy", 3, static_cast<int64_t>(i) + 1);
  }
  ASSERT_EQ(Gramian({"push", Path("in"), "--network", "a"}).exit_code, 0);
  ASSERT_EQ(Gramian({"pull", "a@0", "-o", Path("deep/out")}).exit_code, 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(Path("deep")), {}), 1) << "none is outside";
  for (const std::string& name : names) {
    const std::string file = EncodeId(name) + ".npy";
    EXPECT_TRUE(AreEqual(Path("deep/out/" + file), Path("in/" + file))) << name;
  }
  const Result again = Gramian({"push", Path("deep/out"), "--network", "a"});
  EXPECT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_THAT(again.output, HasSubstr(" were there already\n"));
  const Result refused = Gramian({"pull", "a@0", "-o", Path("all.safetensors")});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, HasSubstr("cannot hold the layer __metadata__"));
  EXPECT_FALSE(fs::exists(Path("all.safetensors")));
  const Result other = Gramian({"pull", "a@0/..", "-o", Path("all.safetensors")});
  EXPECT_EQ(other.exit_code, 0) << other.errors;
}

TEST_F(CommandStoreTest, AMissingLayerLeavesNoFile) {
  const Result result = Gramian({"pull", "absent@1/x", "-o", Path("x.npy")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_FALSE(fs::exists(Path("x.npy")));
}

TEST_F(CommandStoreTest, PushingAgainSendsOnlyWhatIsMissing) {
  fs::copy(Example("net0"), Path("acts"));
  ASSERT_EQ(Gramian({"push", Path("acts"), "--network", "a"}).exit_code, 0);
  const double before = IngestedBytes(server_->metrics_address());
  const Result same = Gramian({"push", Path("acts"), "--network", "a"});
  EXPECT_EQ(same.exit_code, 0) << same.errors;
  EXPECT_THAT(same.output, HasSubstr("4 layers, 300.8 KiB in"));
  EXPECT_EQ(IngestedBytes(server_->metrics_address()), before) << "nothing is sent";
  fs::copy_file(Example("net1/relu1.npy"), Path("acts") + "/relu1.npy",
                fs::copy_options::overwrite_existing);
  const Result other = Gramian({"push", Path("acts"), "--network", "a", "--replace"});
  EXPECT_EQ(other.exit_code, 0) << other.errors;
  EXPECT_EQ(IngestedBytes(server_->metrics_address()) - before, 500 * 64 * 4);
}

TEST_F(CommandStoreTest, AnotherOrderOfTheSameContentIsNotPassedOver) {
  fs::copy(Example("net0"), Path("acts"));
  ASSERT_EQ(Gramian({"push", Path("acts"), "--network", "a"}).exit_code, 0);
  const std::vector<std::string> reordered = {"push", Path("acts"), "--network",
                                              "a",    "--order",    "relu3,relu2,relu1,logits"};
  EXPECT_EQ(Gramian(reordered).exit_code, 1);
  std::vector<std::string> replacing = reordered;
  replacing.emplace_back("--replace");
  EXPECT_EQ(Gramian(replacing).exit_code, 0);
  EXPECT_THAT(Gramian({"ls", "layers", "a@0"}).output, ContainsRegex("0  relu3 "));
}

// Goal: a push ended by Ctrl-C goes on where it stopped. Method: it is held when the server has a
// part, and gets the signal before it runs again.
TEST_F(CommandStoreTest, AnInterruptedPushGoesOnWhereItStopped) {
  testing::GramiandProcess server(KeepingServer("127.0.0.1:0"));
  ASSERT_TRUE(server.WaitUntilListening()) << server.errors();
  const std::string file = MakeFile("big.npy", 256 * 1024, 256);
  const std::vector<std::string> words =
      Words({"push", file, "--network", "a"}, server.grpc_address());
  {
    testing::ChildProcess push(GRAMIAN, words);
    AwaitIngested(server, 24 << 20);
    push.Signal(SIGSTOP);
    ASSERT_LT(IngestedBytes(server.metrics_address()), 256 << 20) << "it is not through yet";
    push.Signal(SIGINT);
    push.Signal(SIGCONT);
    EXPECT_EQ(push.Wait(), 130) << push.errors();
    EXPECT_THAT(push.errors(), HasSubstr("the same command goes on"));
  }
  const Result again = Gramian({"push", file, "--network", "a"}, server.grpc_address());
  ASSERT_EQ(again.exit_code, 0) << again.errors;
  EXPECT_THAT(again.output, ContainsRegex("; [0-9.]+ MiB were there already\n"));
  ASSERT_EQ(Gramian({"pull", "a@0/big", "-o", Path("back.npy")}, server.grpc_address()).exit_code,
            0);
  EXPECT_TRUE(AreEqual(file, Path("back.npy")));
}

// Goal: the command waits for a server that is killed and started again in the middle of a push.
TEST_F(CommandStoreTest, APushOutlivesAKilledServer) {
  auto server = std::make_unique<testing::GramiandProcess>(KeepingServer("127.0.0.1:0"));
  ASSERT_TRUE(server->WaitUntilListening()) << server->errors();
  const std::string address = server->grpc_address();
  const std::string file = MakeFile("big.npy", 256 * 1024, 256);
  testing::ChildProcess push(GRAMIAN, Words({"push", file, "--network", "a"}, address));
  AwaitIngested(*server, 24 << 20);
  server->Signal(SIGKILL);
  server->Wait();
  server = std::make_unique<testing::GramiandProcess>(KeepingServer(address));
  ASSERT_TRUE(server->WaitUntilListening()) << server->errors();
  EXPECT_EQ(push.Wait(), 0) << push.errors();
  EXPECT_THAT(push.errors(),
              ContainsRegex("^gramian: the connection is lost, trying again: .*\n$"));
  EXPECT_EQ(std::ranges::count(push.errors(), '\n'), 1) << push.errors();
  ASSERT_EQ(Gramian({"pull", "a@0/big", "-o", Path("back.npy")}, address).exit_code, 0);
  EXPECT_TRUE(AreEqual(file, Path("back.npy")));
}

TEST_F(CommandStoreTest, NetworksAreRemovedAsAWhole) {
  MustPush("net0", "1");
  MustPush("net0", "2");
  const Result removed = Gramian({"rm", "--network", "net0"});
  EXPECT_EQ(removed.exit_code, 0) << removed.errors;
  EXPECT_EQ(removed.output, "removed the network net0: 2 snapshots, 8 layers, 601.6 KiB\n");
  EXPECT_THAT(Gramian({"ls"}).output, Not(HasSubstr("net0")));
}

TEST_F(CommandStoreTest, SnapshotsArePinnedAndUnpinned) {
  MustPush("net0");
  EXPECT_EQ(Gramian({"pin", "net0@last"}).output, "net0@100 is pinned\n");
  EXPECT_THAT(Gramian({"ls", "snapshots", "net0"}).output, HasSubstr("  pinned\n"));
  EXPECT_EQ(Gramian({"unpin", "net0@100"}).output, "net0@100 is not pinned\n");
  EXPECT_THAT(Gramian({"ls", "snapshots", "net0"}).output, Not(HasSubstr("pinned")));
}

TEST_F(CommandStoreTest, AProbeSetKeepsTheOrderOfInputs) {
  std::vector<std::string> ids;
  for (int i = 0; i < 500; ++i) ids.push_back("digit-" + std::to_string(i));
  WriteLines("ids.txt", ids);
  const Result created = Gramian({"probe-set", "create", "digits", Path("ids.txt")});
  ASSERT_EQ(created.exit_code, 0) << created.errors;
  EXPECT_THAT(created.output,
              ContainsRegex("^digits: 500 inputs, digest of their ids [0-9a-f]+\n"));
  EXPECT_THAT(Gramian({"probe-set", "ls"}).output, ContainsRegex("digits +500 "));
  EXPECT_EQ(Gramian({"probe-set", "show", "digits"}).output, ReadFile(Path("ids.txt")));

  const std::vector<std::string> push = {"push",        Example("net0/relu1.npy"),
                                         "--network",   "a",
                                         "--probe-set", "digits",
                                         "--input-ids", Path("ids.txt")};
  const Result right = Gramian(push);
  EXPECT_EQ(right.exit_code, 0) << right.errors;
  std::swap(ids[7], ids[8]);
  WriteLines("ids.txt", ids);
  std::vector<std::string> elsewhere = push;
  elsewhere[3] = "b";
  const Result wrong = Gramian(elsewhere);
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.errors, HasSubstr("'digit-7' as input 7, not 'digit-8'"));

  EXPECT_EQ(Gramian({"probe-set", "rm", "digits"}).exit_code, 1) << "a layer names it";
  ASSERT_EQ(Gramian({"rm", "a@0"}).exit_code, 0);
  EXPECT_EQ(Gramian({"probe-set", "rm", "digits"}).exit_code, 0);
  EXPECT_THAT(Gramian({"probe-set", "ls"}).output, Not(HasSubstr("digits")));
}

TEST_F(CommandStoreTest, AProbeSetMayBeACount) {
  ASSERT_EQ(Gramian({"probe-set", "create", "noise", "--count", "400"}).exit_code, 0);
  const Result wrong =
      Gramian({"push", Example("net0/relu1.npy"), "--network", "a", "--probe-set", "noise"});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.errors, HasSubstr("400"));
}

}  // namespace
}  // namespace gramian::client
