// The HTTP side of gramiand, for Prometheus and probes.
#ifndef GRAMIAN_SERVER_HTTP_ENDPOINT_H_
#define GRAMIAN_SERVER_HTTP_ENDPOINT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace gramian {

// Serves GET /metrics, /livez (always 200) and /readyz (200 or 503) until destroyed. Two threads,
// requests of 2 s at most.
class HttpEndpoint {
 public:
  struct Handlers {
    std::function<std::string()> metrics;  // Prometheus text format
    std::function<bool()> ready;
  };

  // Listens on `address`, host:port, port 0 for any. Handlers are called from several threads at
  // once. UNAVAILABLE if the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Start(const std::string& address,
                                                             Handlers handlers);
  ~HttpEndpoint();

  // The port it listens on.
  int port() const;

 private:
  struct Impl;
  explicit HttpEndpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_HTTP_ENDPOINT_H_
