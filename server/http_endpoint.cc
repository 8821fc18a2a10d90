#include "server/http_endpoint.h"

#include <CivetServer.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace gramian {
namespace {

struct Answer {
  int code = 200;
  std::string body;
};

class Handler final : public CivetHandler {
 public:
  explicit Handler(std::function<Answer()> answer) : answer_(std::move(answer)) {}

  bool handleGet(CivetServer* /*server*/, mg_connection* connection) override {
    const Answer answer = answer_();
    mg_printf(connection,
              "HTTP/1.1 %d %s\r\nContent-Type: text/plain; version=0.0.4; "
              "charset=utf-8\r\nContent-Length: %zu\r\n"
              "Connection: close\r\n\r\n",
              answer.code, answer.code == 200 ? "OK" : "Service Unavailable", answer.body.size());
    mg_write(connection, answer.body.data(), answer.body.size());
    return true;
  }

 private:
  const std::function<Answer()> answer_;
};

}  // namespace

struct HttpEndpoint::Impl {
  Impl(const std::vector<std::string>& settings, const Handlers& handlers)
      : metrics([handlers] {
          return Answer{200, handlers.metrics()};
        }),
        live([] {
          return Answer{200, "ok\n"};
        }),
        ready([handlers] {
          return handlers.ready() ? Answer{200, "ok\n"} : Answer{503, "draining\n"};
        }),
        server(settings) {
    server.addHandler("/metrics$", metrics);
    server.addHandler("/livez$", live);
    server.addHandler("/readyz$", ready);
  }

  Handler metrics;
  Handler live;
  Handler ready;
  CivetServer server;  // Last: it stops before the handlers go.
};

HttpEndpoint::HttpEndpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpEndpoint::~HttpEndpoint() = default;

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(const std::string& address,
                                                                  Handlers handlers) {
  const std::vector<std::string> settings = {
      "listening_ports",    address, "num_threads",       "2",
      "request_timeout_ms", "2000",  "enable_keep_alive", "no"};
  try {
    auto impl = std::make_unique<Impl>(settings, handlers);
    return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(std::move(impl)));
  } catch (const CivetException&) {
    // The library says no more than that it failed.
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address, " for metrics"));
  }
}

int HttpEndpoint::port() const { return impl_->server.getListeningPorts().front(); }

}  // namespace gramian
