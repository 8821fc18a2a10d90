#include "server/http_endpoint.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

constexpr int kThreadCount = 2;
constexpr std::chrono::milliseconds kPatience{2000};
constexpr size_t kMaxRequestBytes = 8192;
constexpr int kPauseMilliseconds = 100;

using Deadline = std::chrono::steady_clock::time_point;

// Waits until `fd` is ready for `events`; false at the deadline.
bool WaitFor(int fd, int16_t events, Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  if (left.count() <= 0) return false;
  pollfd waiting{fd, events, 0};
  return poll(&waiting, 1, static_cast<int>(left.count())) > 0;
}

// The head of a request, up to the empty line; empty if it does not come in time or in size.
std::string ReadHead(int fd, Deadline deadline) {
  std::string head;
  char buffer[1024];
  while (!absl::StrContains(head, "\r\n\r\n")) {
    if (head.size() > kMaxRequestBytes || !WaitFor(fd, POLLIN, deadline)) return "";
    const ssize_t count = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) continue;
    if (count <= 0) return "";
    head.append(buffer, static_cast<size_t>(count));
  }
  return head;
}

void WriteAll(int fd, absl::string_view text, Deadline deadline) {
  while (!text.empty() && WaitFor(fd, POLLOUT, deadline)) {
    const ssize_t count = send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == EAGAIN) continue;
    if (count <= 0) return;
    text.remove_prefix(static_cast<size_t>(count));
  }
}

struct Response {
  absl::string_view status;
  std::string body;
};

// `request` is the request line: method, path, version.
Response Respond(absl::string_view request, const HttpEndpoint::Handlers& handlers) {
  const size_t first = request.find(' ');
  const size_t last = request.rfind(' ');
  if (first == absl::string_view::npos || last == first ||
      !absl::StartsWith(request.substr(last + 1), "HTTP/1.")) {
    return {"400 Bad Request", "not HTTP/1\n"};
  }
  const absl::string_view method = request.substr(0, first);
  absl::string_view path = request.substr(first + 1, last - first - 1);
  path = path.substr(0, path.find('?'));
  if (method != "GET" && method != "HEAD") return {"405 Method Not Allowed", "only GET and HEAD\n"};
  if (path == "/metrics") return {"200 OK", handlers.metrics()};
  if (path == "/livez") return {"200 OK", "ok\n"};
  if (path != "/readyz") return {"404 Not Found", "there are /metrics, /livez and /readyz\n"};
  if (handlers.ready()) return {"200 OK", "ok\n"};
  return {"503 Service Unavailable", "draining\n"};
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(const ListenAddress& address,
                                                                  Handlers handlers) {
  GRAMIAN_ASSIGN_OR_RETURN(const int listen_fd, OpenListenSocket(address));
  const int stop_fd = eventfd(0, EFD_CLOEXEC);
  if (stop_fd < 0) {
    close(listen_fd);
    return absl::UnavailableError(absl::StrCat("eventfd: ", std::strerror(errno)));
  }
  return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(listen_fd, stop_fd, std::move(handlers)));
}

HttpEndpoint::HttpEndpoint(int listen_fd, int stop_fd, Handlers handlers)
    : listen_fd_(listen_fd),
      stop_fd_(stop_fd),
      port_(PortOf(listen_fd)),
      handlers_(std::move(handlers)) {
  for (int i = 0; i < kThreadCount; ++i) threads_.emplace_back([this] { Serve(); });
}

HttpEndpoint::~HttpEndpoint() {
  eventfd_write(stop_fd_, 1);
  for (std::thread& thread : threads_) thread.join();
  close(listen_fd_);
  close(stop_fd_);
}

void HttpEndpoint::Serve() const {
  while (true) {
    pollfd waiting[2] = {{listen_fd_, POLLIN, 0}, {stop_fd_, POLLIN, 0}};
    if (poll(waiting, 2, -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    // Both threads wake; one of them finds nothing.
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      // Without a descriptor left the connection stays acceptable: polling again at once would
      // spin.
      if (errno == EMFILE || errno == ENFILE) poll(&waiting[1], 1, kPauseMilliseconds);
      continue;
    }
    Answer(fd);
    close(fd);
  }
}

void HttpEndpoint::Answer(int fd) const {
  const Deadline deadline = std::chrono::steady_clock::now() + kPatience;
  const std::string head = ReadHead(fd, deadline);
  if (head.empty()) return;
  const Response response =
      Respond(absl::string_view(head).substr(0, head.find("\r\n")), handlers_);
  std::string text =
      absl::StrCat("HTTP/1.1 ", response.status,
                   "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: ",
                   response.body.size(), "\r\nConnection: close\r\n\r\n");
  if (!absl::StartsWith(head, "HEAD ")) text += response.body;
  WriteAll(fd, text, deadline);
  // Unread bytes would turn the close into a reset that takes the answer with it.
  shutdown(fd, SHUT_WR);
}

}  // namespace gramian
