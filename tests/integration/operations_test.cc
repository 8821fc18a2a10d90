// What an operator sees of the real gramiand: limits and mistakes.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gramian/v1/admin_service.grpc.pb.h"
#include "tests/integration/gramiand_process.h"
#include "tests/server/http_get.h"
#include "tests/testing/temporary_directory.h"

namespace gramian::testing {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> With(std::vector<std::string> more) {
  const std::vector<std::string> free_ports = {"--listen", "127.0.0.1:0", "--metrics-listen",
                                               "127.0.0.1:0"};
  more.insert(more.begin(), free_ports.begin(), free_ports.end());
  return more;
}

bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// A channel that shares its connection with no other.
std::shared_ptr<grpc::Channel> Connect(const GramiandProcess& process) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(process.grpc_address(), grpc::InsecureChannelCredentials(),
                                   arguments);
}

bool Answers(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  v1::GetServerInfoResponse info;
  return v1::AdminService::NewStub(channel)
      ->GetServerInfo(&context, v1::GetServerInfoRequest(), &info)
      .ok();
}

// Plain TCP connections to the gRPC port, closed together.
class Crowd {
 public:
  explicit Crowd(const GramiandProcess& process) {
    const std::string& address = process.grpc_address();
    to_.sin_family = AF_INET;
    to_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to_.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  }
  ~Crowd() { Leave(); }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  void Join(int count) {
    for (int i = 0; i < count; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      ASSERT_GE(fd, 0);
      fds_.push_back(fd);
      ASSERT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&to_), sizeof(to_)), 0);
    }
  }
  void Leave() {
    for (const int fd : fds_) close(fd);
    fds_.clear();
  }

 private:
  sockaddr_in to_{};
  std::vector<int> fds_;
};

double Metric(const GramiandProcess& process, const std::string& name) {
  const std::string page = "\n" + HttpGet(process.metrics_address(), "/metrics").body;
  const size_t at = page.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(page.substr(at + name.size() + 2));
}

int64_t OpenDescriptors(const GramiandProcess& process) {
  const std::filesystem::directory_iterator files("/proc/" + std::to_string(process.pid()) + "/fd");
  return std::distance(begin(files), end(files));
}

// Runs gramiand to its end, which is a failure told in one line.
void ExpectOneLine(const std::vector<std::string>& arguments, int code, const std::string& text) {
  GramiandProcess process(arguments);
  EXPECT_EQ(process.Wait(), code) << process.errors();
  EXPECT_THAT(process.errors(), HasSubstr(text));
  EXPECT_EQ(std::count(process.errors().begin(), process.errors().end(), '\n'), 1)
      << process.errors();
  EXPECT_EQ(process.output(), "");
}

// Goal: running out of descriptors is no end. Method: the limit of the running process is lowered
// to a few more than it has, a crowd takes them all, and leaves.
TEST(OperationsTest, RunningOutOfDescriptorsIsSurvived) {
  GramiandProcess process(With({"--max-connections", "100000"}));
  ASSERT_TRUE(process.WaitUntilListening()) << process.errors();
  const auto before = Connect(process);
  ASSERT_TRUE(Answers(before));
  rlimit few{};
  ASSERT_EQ(prlimit(process.pid(), RLIMIT_NOFILE, nullptr, &few), 0);
  few.rlim_cur = static_cast<rlim_t>(OpenDescriptors(process) + 30);
  ASSERT_EQ(prlimit(process.pid(), RLIMIT_NOFILE, &few, nullptr), 0);
  Crowd crowd(process);
  crowd.Join(200);
  EXPECT_TRUE(
      Eventually([&] { return OpenDescriptors(process) >= static_cast<int64_t>(few.rlim_cur); }));
  EXPECT_TRUE(Answers(before));
  crowd.Leave();
  EXPECT_TRUE(Eventually([&] { return Answers(Connect(process)); }));
  EXPECT_EQ(HttpGet(process.metrics_address(), "/livez").code, 200);
  EXPECT_EQ(HttpGet(process.metrics_address(), "/readyz").code, 200);
  EXPECT_TRUE(Answers(before));
}

TEST(OperationsTest, ConnectionsBeyondTheLimitAreClosedAndThoseWithinServed) {
  GramiandProcess process(With({"--max-connections", "3"}));
  ASSERT_TRUE(process.WaitUntilListening()) << process.errors();
  const auto first = Connect(process);
  ASSERT_TRUE(Answers(first));
  Crowd crowd(process);
  crowd.Join(2);
  EXPECT_TRUE(Eventually([&] { return Metric(process, "gramian_connections") == 3; }));
  EXPECT_FALSE(Answers(Connect(process)));
  EXPECT_TRUE(Answers(first));
  EXPECT_EQ(HttpGet(process.metrics_address(), "/livez").code, 200);
  EXPECT_GE(Metric(process, "gramian_connections_total{result=\"refused\"}"), 1);
  crowd.Leave();
  EXPECT_TRUE(Eventually([&] { return Answers(Connect(process)); }));
}

TEST(OperationsTest, ADataDirectoryThatCannotBeIsOneLineAndExitCodeOne) {
  const TemporaryDirectory directory;
  const std::string file = directory.path() + "/file";
  std::ofstream(file) << "text\n";
  ExpectOneLine(With({"--data-dir", file}), 1, file);
  ExpectOneLine(With({"--data-dir", "/proc/gramian"}), 1, "/proc/gramian");
}

TEST(OperationsTest, ADataDirectoryInUseIsOneLineAndExitCodeOne) {
  const TemporaryDirectory directory;
  GramiandProcess first(With({"--data-dir", directory.path()}));
  ASSERT_TRUE(first.WaitUntilListening()) << first.errors();
  ExpectOneLine(With({"--data-dir", directory.path()}), 1, directory.path());
}

TEST(OperationsTest, ADamagedDatabaseIsOneLineAndExitCodeOne) {
  const TemporaryDirectory directory;
  {
    GramiandProcess process(With({"--data-dir", directory.path()}));
    ASSERT_TRUE(process.WaitUntilListening()) << process.errors();
    process.Signal(SIGTERM);
    ASSERT_EQ(process.Wait(), 0) << process.errors();
  }
  const std::string database = directory.path() + "/gramian.db";
  ASSERT_TRUE(std::filesystem::exists(database));
  std::ofstream(database, std::ios::binary) << std::string(20'000, 'x');
  ExpectOneLine(With({"--data-dir", directory.path()}), 1, "gramian.db");
}

TEST(OperationsTest, MistakesInTheConfigurationAreOneLineAndExitCodeTwo) {
  const TemporaryDirectory directory;
  const std::string file = directory.path() + "/gramian.toml";
  std::ofstream(file) << "no-such-key = 1\n";
  ExpectOneLine({"--config", file}, 2, "no-such-key");
  ExpectOneLine({"--config", file, "--check-config"}, 2, "no-such-key");
  ExpectOneLine({"--config", directory.path() + "/none"}, 2, "/none");
  ExpectOneLine({"--max-rows", "0"}, 2, "--max-rows");
}

TEST(OperationsTest, WhatItPrintsAsItsConfigurationItTakes) {
  const TemporaryDirectory directory;
  const std::string file = directory.path() + "/gramian.toml";
  GramiandProcess printed(With({"--print-config", "--queue", "7"}));
  ASSERT_EQ(printed.Wait(), 0) << printed.errors();
  std::ofstream(file) << printed.output();
  GramiandProcess checked({"--config", file, "--check-config"});
  EXPECT_EQ(checked.Wait(), 0) << checked.errors();
  GramiandProcess process({"--config", file});
  ASSERT_TRUE(process.WaitUntilListening()) << process.errors();
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(v1::AdminService::NewStub(Connect(process))
                  ->GetServerInfo(&context, v1::GetServerInfoRequest(), &info)
                  .ok());
  EXPECT_EQ(info.limits().queue_count(), 7);
}

}  // namespace
}  // namespace gramian::testing
