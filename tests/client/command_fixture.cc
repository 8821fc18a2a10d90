#include "tests/client/command_fixture.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace gramian::client {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

}  // namespace

std::string ReadFile(const fs::path& path) {
  if (!fs::is_regular_file(path)) return "";  // a device gives no end
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

std::unique_ptr<testing::GramiandProcess> CommandTest::server_;

void CommandTest::SetUpTestSuite() {
  server_ = std::make_unique<testing::GramiandProcess>(
      std::vector<std::string>{"--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"});
  ASSERT_TRUE(server_->WaitUntilListening()) << server_->errors();
}

void CommandTest::SetUp() {
  // What one test pushes is not there for the others.
  project_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  folder_ = fs::path(::testing::TempDir()) / project_;
  fs::remove_all(folder_);
  fs::create_directories(folder_);
}

std::vector<std::string> CommandTest::Words(const std::vector<std::string>& arguments,
                                            const std::string& server) const {
  std::vector<std::string> words = {"--server", server.empty() ? server_->grpc_address() : server,
                                    "--project", project_};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

Result CommandTest::Gramian(const std::vector<std::string>& arguments,
                            const std::string& server) const {
  std::vector<std::string> words = Words(arguments, server);
  words.insert(words.begin(), "gramian");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string out = folder_ / "stdout.txt";
  const std::string err = folder_ / "stderr.txt";
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                   0600);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                   0600);
  pid_t pid = -1;
  const int error = posix_spawn(&pid, GRAMIAN, &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return {};
  int status = 0;
  waitpid(pid, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(out), ReadFile(err)};
}

void CommandTest::MustPush(const std::string& network, const std::string& step) const {
  const Result result = Gramian({"push", std::string(EXAMPLES) + "/digits/" + network, "--network",
                                 network, "--step", step, "--order", "relu1,relu2,relu3,logits",
                                 "--chunk-rows", "37", "--shuffle-chunks", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr(network + "@" + step + ": 4 layers, 300.8 KiB"));
  EXPECT_THAT(result.errors, IsEmpty()) << "no progress bar without a terminal";
}

}  // namespace gramian::client
