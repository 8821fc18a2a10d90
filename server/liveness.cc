#include "server/liveness.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gramian/base/status_macros.h"
#include "server/tls_certificates.h"

namespace gramian {
namespace {

// The client's preface of HTTP/2 and an empty SETTINGS frame (RFC 9113, 3.4).
constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
constexpr size_t kFrameHeaderBytes = 9;
constexpr size_t kFrameTypeAt = 3;
constexpr char kSettings = 4;
// A TLS record and the handshake message in it (RFC 8446, 4 and 5.1).
constexpr char kHandshakeRecord = 22;
constexpr size_t kHandshakeTypeAt = 5;
constexpr char kServerHello = 2;

using Deadline = std::chrono::steady_clock::time_point;

absl::Status Failure(const char* what) {
  return absl::UnavailableError(absl::StrCat("a new connection to the gRPC port ", what));
}

bool WaitFor(int fd, int16_t events, Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  pollfd waiting{fd, events, 0};
  return left.count() > 0 && poll(&waiting, 1, static_cast<int>(left.count())) > 0;
}

// Where to reach a socket that may listen on all addresses.
void UseLoopbackForAny(sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
    if (IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr)) v6.sin6_addr = in6addr_loopback;
    return;
  }
  auto& v4 = reinterpret_cast<sockaddr_in&>(address);
  if (v4.sin_addr.s_addr == htonl(INADDR_ANY)) v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

// Connects, says `hello` and returns the beginning of the answer.
absl::StatusOr<std::string> Ask(sockaddr_storage address, absl::string_view hello,
                                std::chrono::milliseconds timeout) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  UseLoopbackForAny(address);
  const socklen_t size = address.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Failure(std::strerror(errno));
  const absl::Cleanup close_fd = [fd] { close(fd); };
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 && errno != EINPROGRESS) {
    return Failure(std::strerror(errno));
  }
  if (!WaitFor(fd, POLLOUT, deadline)) return Failure("is not taken");
  if (send(fd, hello.data(), hello.size(), MSG_NOSIGNAL) < 0) return Failure(std::strerror(errno));
  std::string answer;
  while (answer.size() < kFrameHeaderBytes) {
    if (!WaitFor(fd, POLLIN, deadline)) return Failure("is not answered");
    char buffer[64];
    const ssize_t count = recv(fd, buffer, sizeof(buffer), 0);
    if (count == 0) return Failure("is closed");
    if (count < 0) return Failure(std::strerror(errno));
    answer.append(buffer, static_cast<size_t>(count));
  }
  return answer;
}

}  // namespace

absl::Status DialHttp2(sockaddr_storage address, std::chrono::milliseconds timeout) {
  const absl::string_view preface(kPreface, sizeof(kPreface) - 1);
  GRAMIAN_ASSIGN_OR_RETURN(const std::string answer, Ask(address, preface, timeout));
  return answer[kFrameTypeAt] == kSettings ? absl::OkStatus() : Failure("is not HTTP/2");
}

absl::Status DialTls(sockaddr_storage address, std::chrono::milliseconds timeout) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::string answer, Ask(address, TlsClientHello(), timeout));
  return answer[0] == kHandshakeRecord && answer[kHandshakeTypeAt] == kServerHello
             ? absl::OkStatus()
             : Failure("is not TLS");
}

}  // namespace gramian
