#include "server/listen_socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace gramian {
namespace {

constexpr int64_t kMaxPort = 65'535;

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text, absl::string_view flag) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || colon == 0 || colon + 1 == text.size()) {
    return absl::InvalidArgumentError(absl::StrCat(flag, " is '", text, "', must be host:port"));
  }
  const absl::string_view port = text.substr(colon + 1);
  // A name ("https") is looked up when listening begins.
  int64_t number = 0;
  if (absl::SimpleAtoi(port, &number) && (number < 0 || number > kMaxPort)) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, " is '", text, "', the port must be from 0 to ", kMaxPort));
  }
  return ListenAddress{std::string(text.substr(0, colon)), std::string(port)};
}

bool IsLoopback(const ListenAddress& address) {
  if (address.host == "localhost") return true;
  const std::string host(absl::StripSuffix(absl::StripPrefix(address.host, "["), "]"));
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

absl::StatusOr<int> OpenListenSocket(const ListenAddress& address) {
  const auto failure = [&address](const char* reason) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address.host, ":", address.port, ": ", reason));
  };
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* list = nullptr;
  const std::string host(absl::StripSuffix(absl::StripPrefix(address.host, "["), "]"));
  const int error = getaddrinfo(host.c_str(), address.port.c_str(), &hints, &list);
  if (error != 0) return failure(gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> first(list, freeaddrinfo);
  const int fd = socket(first->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return failure(std::strerror(errno));
  // A restart finds its port free while old connections linger.
  const int reuse = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
  if (bind(fd, first->ai_addr, first->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
    const int reason = errno;
    close(fd);
    return failure(std::strerror(reason));
  }
  return fd;
}

sockaddr_storage AddressOf(int socket_fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  getsockname(socket_fd, reinterpret_cast<sockaddr*>(&address), &size);
  return address;
}

int PortOf(int socket_fd) {
  sockaddr_storage address = AddressOf(socket_fd);
  const in_port_t port = address.ss_family == AF_INET6
                             ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                             : reinterpret_cast<sockaddr_in*>(&address)->sin_port;
  return ntohs(port);
}

}  // namespace gramian
