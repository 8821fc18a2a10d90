#include "tests/testing/cutting_proxy.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace gramian::testing {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

uint16_t PortIn(const std::string& address) {
  return static_cast<uint16_t>(std::strtol(address.c_str() + address.rfind(':') + 1, nullptr, 10));
}

void CloseWithReset(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(fd);
}

bool SendAll(int fd, const char* data, int64_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, data, static_cast<size_t>(size), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= sent;
  }
  return true;
}

// Moves what is there; `left` is what may still pass. False at the end of the connection.
bool Move(int from, int to, int64_t& left, std::atomic<int64_t>* count) {
  char buffer[16384];
  const int64_t room = std::min<int64_t>(left, sizeof(buffer));
  const ssize_t got = recv(from, buffer, static_cast<size_t>(room), 0);
  if (got <= 0) return false;
  left -= got;
  if (count != nullptr) *count += got;
  return SendAll(to, buffer, got);
}

}  // namespace

CuttingProxy::CuttingProxy(const std::string& target, std::function<ConnectionFate(int64_t)> fate)
    : target_port_(PortIn(target)), fate_(std::move(fate)) {
  listen_fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  stop_fd_ = eventfd(0, EFD_CLOEXEC);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  if (bind(listen_fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listen_fd_, 128) != 0 ||
      getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  acceptor_ = std::thread([this] { Accept(); });
}

CuttingProxy::~CuttingProxy() {
  Cut();
  close(stop_fd_);
}

void CuttingProxy::Cut() {
  if (!acceptor_.joinable()) return;
  const uint64_t one = 1;
  if (write(stop_fd_, &one, sizeof(one)) != sizeof(one)) std::abort();
  acceptor_.join();
  for (std::thread& forwarder : forwarders_) forwarder.join();
  close(listen_fd_);
}

void CuttingProxy::Accept() {
  while (true) {
    pollfd fds[2] = {{listen_fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    poll(fds, 2, -1);
    if (fds[1].revents != 0) return;
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const ConnectionFate fate = fate_(connections_++);
    const std::lock_guard<std::mutex> lock(mutex_);
    forwarders_.emplace_back([this, fd, fate] { Forward(fd, fate); });
  }
}

void CuttingProxy::Forward(int client_fd, ConnectionFate fate) {
  const int server_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in target = Loopback(target_port_);
  const int yes = 1;
  setsockopt(server_fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  setsockopt(client_fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  // Whoever reads nothing for so long has lost its connection.
  const timeval patience{10, 0};
  setsockopt(server_fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  setsockopt(client_fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  bool open = connect(server_fd, reinterpret_cast<const sockaddr*>(&target), sizeof(target)) == 0;
  bool met_fate = fate.bytes_to_server == 0 || fate.bytes_to_client == 0;
  while (open && !met_fate) {
    pollfd fds[3] = {{client_fd, POLLIN, 0}, {server_fd, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    poll(fds, 3, -1);
    if (fds[2].revents != 0) break;
    if (fds[0].revents != 0) {
      open = Move(client_fd, server_fd, fate.bytes_to_server, &bytes_to_server_);
    }
    if (open && fds[1].revents != 0) {
      open = Move(server_fd, client_fd, fate.bytes_to_client, nullptr);
    }
    met_fate = fate.bytes_to_server == 0 || fate.bytes_to_client == 0;
  }
  if (met_fate) ++cuts_;
  if (met_fate && fate.end == ConnectionFate::End::kStall) {
    pollfd stop = {stop_fd_, POLLIN, 0};
    poll(&stop, 1, -1);
  }
  if (met_fate && fate.end == ConnectionFate::End::kClose) {
    close(client_fd);
    close(server_fd);
  } else {
    CloseWithReset(client_fd);
    CloseWithReset(server_fd);
  }
}

}  // namespace gramian::testing
