#include "server/http_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace gramian {
namespace {

constexpr std::chrono::seconds kAskTime{2};
constexpr std::chrono::seconds kReadTime{10};
constexpr size_t kMaxRequestBytes = 8192;

bool WouldBlock() { return errno == EAGAIN || errno == EINTR; }

}  // namespace

HttpConnection::HttpConnection(int fd)
    : fd_(fd), deadline_(std::chrono::steady_clock::now() + kAskTime) {}

HttpConnection::~HttpConnection() { close(fd_); }

int16_t HttpConnection::events() const {
  switch (phase_) {
    case Phase::kAsking:
      return POLLIN;
    case Phase::kReading:
      return POLLOUT;
    case Phase::kAsked:
    case Phase::kFinished:
      return 0;
  }
  return 0;
}

bool HttpConnection::is_local() const {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getpeername(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return false;
  if (address.ss_family == AF_INET) {
    const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address);
    return ntohl(ipv4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  }
  if (address.ss_family != AF_INET6) return false;
  const in6_addr& ipv6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  // An IPv4 address in IPv6 ends with its four bytes.
  return IN6_IS_ADDR_LOOPBACK(&ipv6) ||
         (IN6_IS_ADDR_V4MAPPED(&ipv6) && ipv6.s6_addr[12] == IN_LOOPBACKNET);
}

bool HttpConnection::Advance() {
  if (phase_ == Phase::kReading) Write();
  if (phase_ != Phase::kAsking) return false;
  Read();
  return phase_ == Phase::kAsked;
}

void HttpConnection::Read() {
  char buffer[1024];
  while (true) {
    const ssize_t count = recv(fd_, buffer, sizeof(buffer), 0);
    if (count < 0 && WouldBlock()) return;
    if (count <= 0) break;
    head_.append(buffer, static_cast<size_t>(count));
    if (absl::StrContains(head_, "\r\n\r\n")) {
      phase_ = Phase::kAsked;
      return;
    }
    if (head_.size() > kMaxRequestBytes) break;
  }
  phase_ = Phase::kFinished;
}

absl::string_view HttpConnection::request_line() const {
  return absl::string_view(head_).substr(0, head_.find("\r\n"));
}

void HttpConnection::Respond(absl::string_view status, const std::string& body) {
  answer_ = absl::StrCat(
      "HTTP/1.1 ", status,
      "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: ", body.size(),
      "\r\nConnection: close\r\n\r\n");
  if (!absl::StartsWith(head_, "HEAD ")) answer_ += body;
  deadline_ = std::chrono::steady_clock::now() + kReadTime;
  phase_ = Phase::kReading;
}

void HttpConnection::Write() {
  while (sent_ < answer_.size()) {
    const ssize_t count = send(fd_, answer_.data() + sent_, answer_.size() - sent_, MSG_NOSIGNAL);
    if (count < 0 && WouldBlock()) return;
    if (count <= 0) break;
    sent_ += static_cast<size_t>(count);
  }
  shutdown(fd_, SHUT_WR);
  phase_ = Phase::kFinished;
}

}  // namespace gramian
