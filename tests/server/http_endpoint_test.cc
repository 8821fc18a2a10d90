#include "server/http_endpoint.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
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
    auto endpoint = HttpEndpoint::Start({"127.0.0.1", "0"}, {.metrics = [this] { return metrics_; },
                                                             .live =
                                                                 [this] {
                                                                   while (is_live_late_.load())
                                                                     is_live_late_.wait(true);
                                                                   return live_;
                                                                 },
                                                             .ready = [this] { return ready_; }});
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
  std::string live_;
  std::string ready_;
  std::atomic<bool> is_live_late_{false};
  std::unique_ptr<HttpEndpoint> endpoint_;
  std::string address_;
};

TEST_F(HttpEndpointTest, ServesMetricsAndProbes) {
  EXPECT_EQ(HttpGet(address_, "/metrics").body, metrics_);
  EXPECT_EQ(HttpGet(address_, "/metrics?x=1").code, 200);
  EXPECT_EQ(HttpGet(address_, "/livez").code, 200);
  EXPECT_EQ(HttpGet(address_, "/readyz").code, 200);
}

TEST_F(HttpEndpointTest, ProbesSayWhatIsWrong) {
  ready_ = "draining\nanother\n";
  EXPECT_EQ(HttpGet(address_, "/readyz").code, 503);
  EXPECT_EQ(HttpGet(address_, "/readyz").body, ready_);
  EXPECT_EQ(HttpGet(address_, "/livez").code, 200);
  live_ = "deaf\n";
  EXPECT_EQ(HttpGet(address_, "/livez").code, 503);
  EXPECT_EQ(HttpGet(address_, "/livez").body, live_);
}

TEST_F(HttpEndpointTest, AProbeThatTakesLongDelaysNothingElse) {
  is_live_late_ = true;
  const int waiting = Connect();
  const std::string request = "GET /livez HTTP/1.1\r\n\r\n";
  send(waiting, request.data(), request.size(), MSG_NOSIGNAL);
  EXPECT_EQ(HttpGet(address_, "/readyz").code, 200);
  EXPECT_EQ(HttpGet(address_, "/metrics").code, 200);
  is_live_late_ = false;
  is_live_late_.notify_all();
  char answer[64] = {};
  EXPECT_GT(recv(waiting, answer, sizeof(answer) - 1, 0), 0);
  EXPECT_TRUE(absl::StartsWith(answer, "HTTP/1.1 200 "));
  close(waiting);
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

// Goal: neither who never asks nor who never reads delays a probe. Method: the probe is answered
// while all of them are still connected.
TEST_F(HttpEndpointTest, SlowClientsDelayNobody) {
  metrics_ = std::string(50'000'000, 'x');
  std::vector<int> slow;
  for (int i = 0; i < 8; ++i) slow.push_back(Connect());
  const std::string request = "GET /metrics HTTP/1.1\r\n\r\n";
  for (size_t i = 0; i < 4; ++i) send(slow[i], request.data(), request.size(), MSG_NOSIGNAL);
  EXPECT_EQ(HttpGet(address_, "/livez").code, 200);
  for (const int fd : slow) {
    char byte = 0;
    const ssize_t count = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    EXPECT_TRUE(count > 0 || (count < 0 && errno == EAGAIN));
    close(fd);
  }
}

TEST_F(HttpEndpointTest, ClientsThatNeverAskAreDropped) {
  const int silent = Connect();
  char byte = 0;
  EXPECT_EQ(recv(silent, &byte, 1, 0), 0);
  close(silent);
}

TEST_F(HttpEndpointTest, OfTooManyClientsTheOldestIsDropped) {
  const int oldest = Connect();
  std::vector<int> more;
  for (int i = 0; i < 64; ++i) more.push_back(Connect());
  EXPECT_EQ(HttpGet(address_, "/readyz").code, 200);
  char byte = 0;
  EXPECT_EQ(recv(oldest, &byte, 1, 0), 0);
  close(oldest);
  for (const int fd : more) close(fd);
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
