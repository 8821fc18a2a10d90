#include "server/accept_loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gramian {
namespace {

constexpr int kPauseMilliseconds = 50;

bool IsOutOfDescriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

// The inode behind a descriptor; 0 if it is closed.
ino_t InodeOf(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AcceptLoop>> AcceptLoop::Start(int listen_fd, const Options& options,
                                                              HandOver hand_over) {
  const int stop_fd = eventfd(0, EFD_CLOEXEC);
  if (stop_fd < 0) {
    close(listen_fd);
    return absl::UnavailableError(absl::StrCat("eventfd: ", std::strerror(errno)));
  }
  return std::unique_ptr<AcceptLoop>(
      new AcceptLoop(listen_fd, stop_fd, options, std::move(hand_over)));
}

AcceptLoop::AcceptLoop(int listen_fd, int stop_fd, const Options& options, HandOver hand_over)
    : listen_fd_(listen_fd),
      stop_fd_(stop_fd),
      options_(options),
      hand_over_(std::move(hand_over)),
      thread_([this] { Run(); }) {}

AcceptLoop::~AcceptLoop() {
  Stop();
  close(stop_fd_);
}

void AcceptLoop::Stop() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_fd_, 1);
  thread_.join();
  close(listen_fd_);
}

AcceptLoop::Stats AcceptLoop::GetStats() {
  MutexLock lock(mutex_);
  ForgetClosed();
  return {static_cast<int64_t>(connections_.size()), accepted_, refused_, is_out_of_descriptors_};
}

void AcceptLoop::Run() {
  while (true) {
    pollfd waiting[2] = {{listen_fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    if (poll(waiting, 2, -1) < 0 && errno != EINTR) {
      spdlog::error("poll of the gRPC port: {}", std::strerror(errno));
      Pause();
      continue;
    }
    if (waiting[1].revents != 0) return;
    if (waiting[0].revents != 0) AcceptOne();
  }
}

void AcceptLoop::Pause() {
  pollfd stop{stop_fd_, POLLIN, 0};
  poll(&stop, 1, kPauseMilliseconds);
}

void AcceptLoop::AcceptOne() {
  const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    if (!IsOutOfDescriptors(errno)) return;
    // The connection stays acceptable: polling again at once would spin.
    if (!is_out_of_descriptors_.exchange(true)) {
      spdlog::warn("cannot take a connection: {}; waiting for a descriptor", std::strerror(errno));
    }
    Pause();
    return;
  }
  if (is_out_of_descriptors_.exchange(false)) spdlog::info("connections are taken again");
  if (!TryAdd(fd)) {
    if (refused_++ == 0) {
      spdlog::warn("more than --max-connections {}: closing new ones", options_.max_connections);
    }
    close(fd);
    return;
  }
  ++accepted_;
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const auto timeout = static_cast<unsigned int>(options_.unacknowledged_timeout.count());
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
  hand_over_(fd);
}

bool AcceptLoop::TryAdd(int fd) {
  MutexLock lock(mutex_);
  const auto limit = static_cast<size_t>(options_.max_connections);
  if (connections_.size() >= limit) ForgetClosed();
  if (connections_.size() >= limit) return false;
  connections_.push_back({fd, InodeOf(fd)});
  return true;
}

void AcceptLoop::ForgetClosed() {
  connections_.erase(
      std::remove_if(connections_.begin(), connections_.end(),
                     [](const Connection& open) { return InodeOf(open.fd) != open.inode; }),
      connections_.end());
}

}  // namespace gramian
