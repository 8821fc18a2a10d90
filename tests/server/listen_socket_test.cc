#include "server/listen_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace gramian {
namespace {

using ::testing::StartsWith;

TEST(ListenSocketTest, AddressesAreHostAndPort) {
  const auto plain = ParseListenAddress("localhost:80", "--listen");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->host, "localhost");
  EXPECT_EQ(plain->port, "80");
  const auto six = ParseListenAddress("[::1]:80", "--listen");
  ASSERT_TRUE(six.ok());
  EXPECT_EQ(six->host, "[::1]");
  EXPECT_TRUE(ParseListenAddress("localhost:65535", "--listen").ok());
  for (const std::string text : {"", "80", ":80", "host:", "host:65536", "host:-1"}) {
    const absl::Status status = ParseListenAddress(text, "--listen").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), StartsWith("--listen is '"));
  }
}

TEST(ListenSocketTest, PortZeroGetsAFreePortWhichIsThenTaken) {
  const auto first = OpenListenSocket({"127.0.0.1", "0"});
  ASSERT_TRUE(first.ok()) << first.status();
  const int port = PortOf(*first);
  EXPECT_GT(port, 0);
  const auto second = OpenListenSocket({"127.0.0.1", absl::StrCat(port)});
  EXPECT_EQ(second.status(), absl::UnavailableError(absl::StrCat(
                                 "cannot listen on 127.0.0.1:", port, ": Address already in use")));
  close(*first);
}

TEST(ListenSocketTest, PortsThatAreNoneAreAnError) {
  EXPECT_EQ(OpenListenSocket({"127.0.0.1", "http-or-so"}).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace gramian
