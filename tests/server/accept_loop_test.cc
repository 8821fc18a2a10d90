#include "server/accept_loop.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gramian/base/mutex.h"
#include "server/listen_socket.h"

namespace gramian {
namespace {

class AcceptLoopTest : public ::testing::Test {
 protected:
  void Start(int64_t max_connections) {
    const absl::StatusOr<int> listen_fd = OpenListenSocket({"127.0.0.1", "0"});
    ASSERT_TRUE(listen_fd.ok()) << listen_fd.status();
    port_ = PortOf(*listen_fd);
    auto loop = AcceptLoop::Start(*listen_fd, {.max_connections = max_connections}, [this](int fd) {
      MutexLock lock(mutex_);
      handed_over_.push_back(fd);
    });
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
  }

  void TearDown() override {
    loop_.reset();
    while (CloseOne()) {
    }
    for (const int fd : clients_) close(fd);
  }

  int Connect() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    ConnectSocket(fd);
    return fd;
  }

  void ConnectSocket(int fd) {
    clients_.push_back(fd);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<uint16_t>(port_));
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  }

  // Closes a connection that was handed over, as gRPC would.
  bool CloseOne() {
    MutexLock lock(mutex_);
    if (handed_over_.empty()) return false;
    close(handed_over_.back());
    handed_over_.pop_back();
    return true;
  }

  static bool IsClosedByPeer(int fd) {
    char byte = 0;
    return recv(fd, &byte, 1, 0) <= 0;
  }

  template <typename Condition>
  static bool Eventually(const Condition& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  int port_ = 0;
  std::vector<int> clients_;
  Mutex mutex_;
  std::vector<int> handed_over_ GRAMIAN_GUARDED_BY(mutex_);
  std::unique_ptr<AcceptLoop> loop_;
};

TEST_F(AcceptLoopTest, ConnectionsAreHandedOverAndCountedUntilTheyAreClosed) {
  Start(10);
  Connect();
  Connect();
  EXPECT_TRUE(Eventually([this] { return loop_->GetStats().open == 2; }));
  EXPECT_TRUE(Eventually([this] { return CloseOne(); }));
  EXPECT_EQ(loop_->GetStats().open, 1);
  EXPECT_EQ(loop_->GetStats().accepted, 2);
  EXPECT_EQ(loop_->GetStats().refused, 0);
}

TEST_F(AcceptLoopTest, BeyondTheLimitAConnectionIsClosedAtOnce) {
  Start(2);
  Connect();
  Connect();
  EXPECT_TRUE(IsClosedByPeer(Connect()));
  EXPECT_EQ(loop_->GetStats().open, 2);
  EXPECT_EQ(loop_->GetStats().refused, 1);
  EXPECT_TRUE(CloseOne());
  Connect();
  EXPECT_TRUE(Eventually([this] { return loop_->GetStats().accepted == 3; }));
  EXPECT_EQ(loop_->GetStats().refused, 1);
}

TEST_F(AcceptLoopTest, RunningOutOfDescriptorsIsSurvived) {
  Start(10);
  const int late = socket(AF_INET, SOCK_STREAM, 0);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  // All numbers below this socket's are taken, none above may be.
  const rlimit none{static_cast<rlim_t>(late) + 1, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  ConnectSocket(late);
  EXPECT_TRUE(Eventually([this] { return loop_->GetStats().is_out_of_descriptors; }));
  EXPECT_EQ(loop_->GetStats().accepted, 0);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(Eventually([this] { return loop_->GetStats().accepted == 1; }));
  EXPECT_FALSE(loop_->GetStats().is_out_of_descriptors);
}

TEST_F(AcceptLoopTest, NothingIsHandedOverOnceItIsGone) {
  Start(10);
  loop_.reset();
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  clients_.push_back(fd);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<uint16_t>(port_));
  EXPECT_NE(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
}

}  // namespace
}  // namespace gramian
