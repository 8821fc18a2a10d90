#include "server/http_endpoint.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
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

constexpr size_t kMaxConnections = 64;
constexpr int kPauseMilliseconds = 100;

struct Response {
  absl::string_view status;
  std::string body;
};

Response Health(const std::string& problems) {
  if (problems.empty()) return {"200 OK", "ok\n"};
  return {"503 Service Unavailable", problems};
}

// The path asked for, or the answer to what is no such request.
absl::StatusOr<std::string> PathOf(absl::string_view request, Response& refusal) {
  const size_t first = request.find(' ');
  const size_t last = request.rfind(' ');
  if (first == absl::string_view::npos || last == first ||
      !absl::StartsWith(request.substr(last + 1), "HTTP/1.")) {
    refusal = {"400 Bad Request", "not HTTP/1\n"};
    return absl::InvalidArgumentError(refusal.body);
  }
  const absl::string_view method = request.substr(0, first);
  if (method != "GET" && method != "HEAD") {
    refusal = {"405 Method Not Allowed", "only GET and HEAD\n"};
    return absl::InvalidArgumentError(refusal.body);
  }
  const absl::string_view path = request.substr(first + 1, last - first - 1);
  return std::string(path.substr(0, path.find('?')));
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(const ListenAddress& address,
                                                                  Handlers handlers) {
  GRAMIAN_ASSIGN_OR_RETURN(const int listen_fd, OpenListenSocket(address));
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) {
    close(listen_fd);
    return absl::UnavailableError(absl::StrCat("eventfd: ", std::strerror(errno)));
  }
  return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(listen_fd, wake_fd, std::move(handlers)));
}

HttpEndpoint::HttpEndpoint(int listen_fd, int wake_fd, Handlers handlers)
    : listen_fd_(listen_fd),
      wake_fd_(wake_fd),
      port_(PortOf(listen_fd)),
      handlers_(std::move(handlers)) {
  threads_.emplace_back([this] { Poll(); });
  threads_.emplace_back([this] { AnswerProbes(); });
}

HttpEndpoint::~HttpEndpoint() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  eventfd_write(wake_fd_, 1);
  for (std::thread& thread : threads_) thread.join();
  close(listen_fd_);
  close(wake_fd_);
}

void HttpEndpoint::Poll() {
  Connections connections;
  while (PassOnProbes()) {
    std::vector<pollfd> waiting = {{listen_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    for (const auto& connection : connections) {
      waiting.push_back({connection->fd(), connection->events(), 0});
    }
    // Without a connection nothing can run out of time.
    poll(waiting.data(), waiting.size(), connections.empty() ? -1 : kPauseMilliseconds);
    eventfd_t count = 0;
    eventfd_read(wake_fd_, &count);
    const auto now = std::chrono::steady_clock::now();
    for (const auto& connection : connections) {
      if (connection->Advance()) Answer(connection);
    }
    connections.erase(std::remove_if(connections.begin(), connections.end(),
                                     [now](const auto& connection) {
                                       return connection->phase() ==
                                                  HttpConnection::Phase::kFinished ||
                                              connection->deadline() < now;
                                     }),
                      connections.end());
    if (waiting[0].revents != 0) AcceptOne(connections);
  }
}

void HttpEndpoint::AcceptOne(Connections& connections) {
  const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    // Without a descriptor left the connection stays acceptable: polling again at once would spin.
    if (errno == EMFILE || errno == ENFILE) poll(nullptr, 0, kPauseMilliseconds);
    return;
  }
  if (connections.size() >= kMaxConnections) connections.erase(connections.begin());
  connections.push_back(std::make_shared<HttpConnection>(fd));
}

void HttpEndpoint::Answer(const std::shared_ptr<HttpConnection>& connection) {
  Response response;
  const absl::StatusOr<std::string> path = PathOf(connection->request_line(), response);
  if (path.ok() && *path == "/livez") {
    MutexLock lock(mutex_);
    probes_.push_back(connection);
    changed_.notify_all();
    return;
  }
  if (path.ok() && absl::StartsWith(*path, "/debug/")) {
    AnswerDebug(connection, *path);
    return;
  }
  if (path.ok() && *path == "/metrics") {
    response = {"200 OK", handlers_.metrics()};
  } else if (path.ok() && *path == "/readyz") {
    response = Health(handlers_.ready());
  } else if (path.ok()) {
    response = {"404 Not Found", "there are /metrics, /livez and /readyz\n"};
  }
  connection->Respond(response.status, response.body);
  connection->Advance();
}

void HttpEndpoint::AnswerDebug(const std::shared_ptr<HttpConnection>& connection,
                               const std::string& path) {
  Response response = {"404 Not Found",
                       "there are /debug/requests, /debug/cache and /debug/heap\n"};
  if (!connection->is_local()) {
    response = {"403 Forbidden", "only from the machine of the server\n"};
  } else if (handlers_.debug != nullptr) {
    if (std::optional<std::string> page = handlers_.debug(path); page.has_value())
      response = {"200 OK", *std::move(page)};
  }
  connection->Respond(response.status, response.body);
  connection->Advance();
}

bool HttpEndpoint::PassOnProbes() {
  Connections live;
  Response response;
  {
    MutexLock lock(mutex_);
    if (stopping_) return false;
    live.swap(live_);
    response = Health(live_problems_);
  }
  for (const auto& connection : live) {
    connection->Respond(response.status, response.body);
    connection->Advance();
  }
  return true;
}

void HttpEndpoint::AnswerProbes() {
  while (true) {
    Connections probes;
    {
      MutexLock lock(mutex_);
      while (probes_.empty() && !stopping_) changed_.wait(mutex_);
      if (stopping_) return;
      probes.swap(probes_);
    }
    // One look answers all who have asked by then.
    std::string problems = handlers_.live();
    {
      MutexLock lock(mutex_);
      live_problems_ = std::move(problems);
      live_.insert(live_.end(), probes.begin(), probes.end());
    }
    eventfd_write(wake_fd_, 1);
  }
}

}  // namespace gramian
