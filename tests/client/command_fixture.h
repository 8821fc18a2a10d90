// The gramian command as a process, and a gramiand for it.
#ifndef GRAMIAN_TESTS_CLIENT_COMMAND_FIXTURE_H_
#define GRAMIAN_TESTS_CLIENT_COMMAND_FIXTURE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/integration/gramiand_process.h"

namespace gramian::client {

// What a process ended with.
struct Result {
  int exit_code = -1;
  std::string output;
  std::string errors;
};

// The content of a file; empty if there is none.
std::string ReadFile(const std::filesystem::path& path);

// One server for all tests of the suite, a folder and a project for each of them.
class CommandTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override;
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // `--server`, `--project` and what follows.
  std::vector<std::string> Words(const std::vector<std::string>& arguments,
                                 const std::string& server = "") const;

  // Runs `gramian ARGUMENTS` to its end.
  Result Gramian(const std::vector<std::string>& arguments, const std::string& server = "") const;

  std::string Path(const std::string& name) const { return folder_ / name; }

  // Pushes one of the example networks, its rows in shuffled chunks.
  void MustPush(const std::string& network, const std::string& step = "100") const;

  nlohmann::json Json(const std::string& name) const {
    return nlohmann::json::parse(ReadFile(Path(name)));
  }

  static std::unique_ptr<testing::GramiandProcess> server_;
  std::filesystem::path folder_;
  std::string project_;
};

}  // namespace gramian::client

#endif  // GRAMIAN_TESTS_CLIENT_COMMAND_FIXTURE_H_
