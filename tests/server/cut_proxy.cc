#include "tests/server/cut_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace gramian::testing {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

CutProxy::CutProxy(const std::string& target)
    : target_port_(std::atoi(target.substr(target.rfind(':') + 1).c_str())) {
  listen_fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listen_fd_, generic, size) != 0 || listen(listen_fd_, 16) != 0 ||
      getsockname(listen_fd_, generic, &size) != 0) {
    return;
  }
  address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  acceptor_ = std::thread([this] { Accept(); });
}

CutProxy::~CutProxy() {
  Cut();
  if (acceptor_.joinable()) acceptor_.join();
  std::vector<std::thread> relays;
  {
    MutexLock lock(mutex_);
    relays.swap(relays_);
  }
  for (std::thread& relay : relays) relay.join();
  MutexLock lock(mutex_);
  for (const int fd : fds_) close(fd);
  close(listen_fd_);
}

void CutProxy::Cut() {
  MutexLock lock(mutex_);
  cut_ = true;
  // Wakes whoever reads, writes or accepts.
  shutdown(listen_fd_, SHUT_RDWR);
  for (const int fd : fds_) shutdown(fd, SHUT_RDWR);
}

void CutProxy::Accept() {
  while (true) {
    const int client = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(target_port_);
    const bool connected =
        connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    MutexLock lock(mutex_);
    fds_.push_back(client);
    fds_.push_back(server);
    if (cut_ || !connected) {
      for (const int fd : {client, server}) shutdown(fd, SHUT_RDWR);
      continue;
    }
    relays_.emplace_back([this, client, server] { Relay(client, server); });
    relays_.emplace_back([this, client, server] { Relay(server, client); });
  }
}

void CutProxy::Relay(int from, int to) {
  std::array<char, 1 << 16> buffer;
  while (true) {
    const ssize_t size = recv(from, buffer.data(), buffer.size(), 0);
    if (size <= 0) break;
    ssize_t sent = 0;
    while (sent < size) {
      const ssize_t part =
          send(to, buffer.data() + sent, static_cast<size_t>(size - sent), MSG_NOSIGNAL);
      if (part <= 0) break;
      sent += part;
    }
    if (sent < size) break;
  }
  shutdown(from, SHUT_RDWR);
  shutdown(to, SHUT_RDWR);
}

}  // namespace gramian::testing
