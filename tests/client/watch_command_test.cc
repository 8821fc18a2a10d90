// The commands `watch`, `top` and `admin log-level` against a real gramiand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/client/command_fixture.h"

namespace gramian::client {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class WatchCommandTest : public CommandTest {
 protected:
  std::string MustRun(const std::vector<std::string>& arguments) {
    const Result result = Gramian(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.output;
  }
};

TEST_F(WatchCommandTest, AWatchIsCreatedListedShownAndRemoved) {
  MustPush("net0");
  MustPush("net1");
  EXPECT_THAT(MustRun({"watch", "create", "drift", "net1", "net0@100", "--layers", "relu1"}),
              HasSubstr("drift: cka-kernel=linear-hsic=gretton-score of net1 and net0@100, shown "
                        "at /metrics as gramian_watch_score{project="));
  std::string shown;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  do {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    shown = MustRun({"watch", "show", "drift"});
  } while (shown.find("\nevaluated ") == std::string::npos &&
           std::chrono::steady_clock::now() < deadline);
  EXPECT_THAT(shown, ContainsRegex("\nlayers +relu1\n"));
  EXPECT_THAT(shown, ContainsRegex("\nscore +0\\.[0-9]+\nstep +100\n"));
  EXPECT_THAT(MustRun({"watch", "ls"}),
              ContainsRegex("drift +net1 +net0@100 +cka.* +0\\.[0-9][0-9] +100 +0\n"));
  EXPECT_THAT(MustRun({"watch", "rm", "drift"}), HasSubstr("removed the watch drift\n"));
  EXPECT_THAT(MustRun({"watch", "ls"}), Not(HasSubstr("drift")));
  EXPECT_EQ(Gramian({"watch", "show", "drift"}).exit_code, 1);
}

TEST_F(WatchCommandTest, AReferenceThatIsNoSnapshotIsAWrongCommandLine) {
  EXPECT_EQ(Gramian({"watch", "create", "drift", "net1", "net0"}).exit_code, 2);
  EXPECT_EQ(Gramian({"watch"}).exit_code, 2);
}

TEST_F(WatchCommandTest, TopShowsTheServerOnce) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"top", "--once"}, std::vector<std::string>{"top"}}) {
    const std::string view = MustRun(arguments);
    EXPECT_THAT(view, ContainsRegex("  up [0-9]"));
    EXPECT_THAT(view, ContainsRegex("\ncalls +[0-9]+\\.[0-9] /s ok"));
    EXPECT_THAT(view, ContainsRegex("\nmemory +\\["));
    EXPECT_THAT(view, Not(HasSubstr("\x1b")));
  }
  EXPECT_EQ(Gramian({"top", "--interval", "0"}).exit_code, 2);
}

TEST_F(WatchCommandTest, QuotasAreShownWithWhatIsUsed) {
  MustPush("net0");
  EXPECT_THAT(MustRun({"quotas"}),
              ContainsRegex("PROJECT +STORED +UPLOADS +CALLS +CALL RATE +INGEST +COMPUTED\n"
                            "QuotasAreShownWithWhatIsUsed +[0-9.]+ [KM]iB +0 +0 +- +- +-\n"));
}

TEST_F(WatchCommandTest, LogLevelIsSet) {
  MustRun({"admin", "log-level", "warn"});
  EXPECT_EQ(MustRun({"admin", "log-level", "info"}), "the server logs info, before it was warn\n");
  EXPECT_EQ(Gramian({"admin", "log-level", "loud"}).exit_code, 2);
}

}  // namespace
}  // namespace gramian::client
