#include "server/liveness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "server/listen_socket.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;

class LivenessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<int> fd = OpenListenSocket({"0.0.0.0", "0"});
    ASSERT_TRUE(fd.ok()) << fd.status();
    listen_fd_ = *fd;
  }
  void TearDown() override { close(listen_fd_); }

  // Dials while a server accepts one connection and says `answer` on it.
  absl::Status DialWhileSomebodySays(const std::string& answer) {
    std::thread server([this, &answer] {
      // The listening socket does not block.
      int fd = -1;
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
      while (fd < 0 && std::chrono::steady_clock::now() < deadline) {
        fd = accept(listen_fd_, nullptr, nullptr);
        std::this_thread::yield();
      }
      send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      // Until the client closes, or at once when there is nothing to say.
      char buffer[64];
      while (!answer.empty() && recv(fd, buffer, sizeof(buffer), 0) > 0) {
      }
      close(fd);
    });
    const absl::Status status = DialHttp2(AddressOf(listen_fd_), std::chrono::seconds(60));
    server.join();
    return status;
  }

  int listen_fd_ = -1;
};

TEST_F(LivenessTest, AServerThatSendsItsSettingsIsAlive) {
  EXPECT_TRUE(DialWhileSomebodySays(std::string("\0\0\0\4\0\0\0\0\0", 9)).ok());
}

TEST_F(LivenessTest, AnythingElseIsNotHttp2) {
  const absl::Status status = DialWhileSomebodySays("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("is not HTTP/2"));
}

TEST_F(LivenessTest, AConnectionThatIsClosedAtOnceIsNoAnswer) {
  EXPECT_TRUE(absl::IsUnavailable(DialWhileSomebodySays("")));
}

TEST_F(LivenessTest, WhoTakesTheConnectionAndIsSilentIsNotAlive) {
  const absl::Status status = DialHttp2(AddressOf(listen_fd_), std::chrono::milliseconds(20));
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("is not answered"));
}

TEST_F(LivenessTest, AClosedPortIsNotAlive) {
  const sockaddr_storage address = AddressOf(listen_fd_);
  close(listen_fd_);
  EXPECT_TRUE(absl::IsUnavailable(DialHttp2(address, std::chrono::seconds(60))));
  listen_fd_ = -1;
}

}  // namespace
}  // namespace gramian
