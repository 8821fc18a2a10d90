#include "server/http_endpoint.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/server/http_get.h"

namespace gramian {
namespace {

using testing::HttpAnswer;
using testing::HttpGet;

class HttpEndpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto endpoint = HttpEndpoint::Start(
        {"127.0.0.1", "0"},
        {.metrics = [this] { return metrics_; }, .ready = [this] { return ready_.load(); }});
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    endpoint_ = *std::move(endpoint);
    address_ = absl::StrCat("127.0.0.1:", endpoint_->port());
  }

  // What the endpoint says to `request`.
  std::string Say(const std::string& request) const {
    const int fd = Connect();
    send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    std::string answer;
    char buffer[1024];
    for (ssize_t count = 0; (count = recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
      answer.append(buffer, static_cast<size_t>(count));
    }
    close(fd);
    return answer;
  }

  int Connect() const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<uint16_t>(endpoint_->port()));
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
    return fd;
  }

  std::string metrics_ = "a_total 1\n";
  std::atomic<bool> ready_{true};
  std::unique_ptr<HttpEndpoint> endpoint_;
  std::string address_;
};

TEST_F(HttpEndpointTest, ServesMetricsAndProbes) {
  EXPECT_EQ(HttpGet(address_, "/metrics").body, metrics_);
  EXPECT_EQ(HttpGet(address_, "/metrics?x=1").code, 200);
  EXPECT_EQ(HttpGet(address_, "/livez").code, 200);
  EXPECT_EQ(HttpGet(address_, "/readyz").code, 200);
  ready_ = false;
  EXPECT_EQ(HttpGet(address_, "/readyz").code, 503);
  EXPECT_EQ(HttpGet(address_, "/livez").code, 200);
}

TEST_F(HttpEndpointTest, LargeBodiesArriveWhole) {
  metrics_ = std::string(5'000'000, 'x');
  EXPECT_EQ(HttpGet(address_, "/metrics").body, metrics_);
}

TEST_F(HttpEndpointTest, OtherRequestsAreRefusedAndItServesOn) {
  for (const char* path : {"/", "/metrics/x", "/metricsx", "/.."})
    EXPECT_EQ(HttpGet(address_, path).code, 404) << path;
  EXPECT_TRUE(absl::StartsWith(Say("POST /metrics HTTP/1.1\r\n\r\n"), "HTTP/1.1 405 "));
  EXPECT_TRUE(absl::StartsWith(Say("garbage\r\n\r\n"), "HTTP/1.1 400 "));
  EXPECT_TRUE(absl::StartsWith(Say("GET /metrics HTTP/2\r\n\r\n"), "HTTP/1.1 400 "));
  EXPECT_TRUE(absl::EndsWith(Say("HEAD /metrics HTTP/1.1\r\n\r\n"), "\r\n\r\n"));
  EXPECT_EQ(Say(std::string(100'000, 'x')), "");
  EXPECT_EQ(HttpGet(address_, "/metrics").code, 200);
}

TEST_F(HttpEndpointTest, ClientsThatNeverAskAreDropped) {
  std::vector<int> silent;
  for (int i = 0; i < 2; ++i) silent.push_back(Connect());
  EXPECT_EQ(HttpGet(address_, "/livez").code, 200);
  for (const int fd : silent) close(fd);
}

TEST_F(HttpEndpointTest, ManyClientsAreServed) {
  std::atomic<int> served{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      for (int k = 0; k < 20; ++k) served += HttpGet(address_, "/metrics").code == 200 ? 1 : 0;
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(served, 320);
}

}  // namespace
}  // namespace gramian
