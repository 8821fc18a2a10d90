// The HTTP side of gramiand, for Prometheus and probes.
#ifndef GRAMIAN_SERVER_HTTP_ENDPOINT_H_
#define GRAMIAN_SERVER_HTTP_ENDPOINT_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/mutex.h"
#include "server/http_connection.h"
#include "server/listen_socket.h"

namespace gramian {

// Serves GET and HEAD of /metrics, /livez, /readyz and /debug/... until destroyed. Every connection
// is one request, answered and closed; one that takes longer than 2 s to ask or 10 s to read its
// answer is dropped, and of more than 64 the oldest is. Slow clients delay nobody: one thread polls
// all connections, and a second one does what /livez waits for.
//
// Not prometheus-cpp's Exposer: the threads of Debian's civetweb have stacks of 100 KiB, of which
// the thread-local storage of OpenBLAS takes 60, so that any request for another path ends the
// process.
class HttpEndpoint {
 public:
  struct Handlers {
    // Prometheus text format; takes milliseconds.
    std::function<std::string()> metrics;
    // A page for people, by its path, which begins with /debug; nothing if there is none. Only who
    // asks from this machine gets one: it tells what clients do. May be empty.
    std::function<std::optional<std::string>(absl::string_view)> debug = nullptr;
    // Empty if all is well (200), else what is not (503), a line for each. `live` may take a
    // second, `ready` answers at once.
    std::function<std::string()> live;
    std::function<std::string()> ready;
  };

  // Handlers are called from two threads at once. UNAVAILABLE if the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Start(const ListenAddress& address,
                                                             Handlers handlers);
  ~HttpEndpoint();
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  // The port it listens on.
  int port() const { return port_; }

 private:
  using Connections = std::vector<std::shared_ptr<HttpConnection>>;

  HttpEndpoint(int listen_fd, int wake_fd, Handlers handlers);
  void Poll();
  void AnswerProbes();
  void AcceptOne(Connections& connections);
  // Answers the request that has been read, or leaves it to the second thread.
  void Answer(const std::shared_ptr<HttpConnection>& connection);
  // The page, or why there is none.
  void AnswerDebug(const std::shared_ptr<HttpConnection>& connection, const std::string& path);
  // Hands out what the second thread has found; false when the endpoint is being destroyed.
  bool PassOnProbes();

  const int listen_fd_;
  const int wake_fd_;  // readable when the polling thread has something new to look at
  const int port_;
  const Handlers handlers_;

  Mutex mutex_;
  std::condition_variable_any changed_;
  Connections probes_ GRAMIAN_GUARDED_BY(mutex_);  // for the second thread
  Connections live_ GRAMIAN_GUARDED_BY(mutex_);    // and back: to be told live_problems_
  std::string live_problems_ GRAMIAN_GUARDED_BY(mutex_);
  bool stopping_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // Constant after construction.
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_HTTP_ENDPOINT_H_
