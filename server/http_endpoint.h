// The HTTP side of gramiand, for Prometheus and probes.
#ifndef GRAMIAN_SERVER_HTTP_ENDPOINT_H_
#define GRAMIAN_SERVER_HTTP_ENDPOINT_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "server/listen_socket.h"

namespace gramian {

// Serves GET and HEAD of /metrics, /livez (always 200) and /readyz (200 or 503) until destroyed.
// Every connection is one request, answered and closed; one that takes longer than 2 s to ask or to
// read is dropped.
//
// Not prometheus-cpp's Exposer: the threads of Debian's civetweb have stacks of 100 KiB, of which
// the thread-local storage of OpenBLAS takes 60, so that any request for another path ends the
// process.
class HttpEndpoint {
 public:
  struct Handlers {
    std::function<std::string()> metrics;  // Prometheus text format
    std::function<bool()> ready;
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
  HttpEndpoint(int listen_fd, int stop_fd, Handlers handlers);
  void Serve() const;
  // Answers one connection.
  void Answer(int fd) const;

  const int listen_fd_;
  const int stop_fd_;  // becomes readable when the endpoint is destroyed
  const int port_;
  const Handlers handlers_;
  std::vector<std::thread> threads_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_HTTP_ENDPOINT_H_
