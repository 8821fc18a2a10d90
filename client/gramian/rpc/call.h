#ifndef GRAMIAN_RPC_CALL_H_
#define GRAMIAN_RPC_CALL_H_

#include <grpcpp/client_context.h>

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gramian/client/client.h"
#include "gramian/rpc/convert.h"
#include "gramian/rpc/status.h"

namespace gramian::client {

// The context of one call: its deadline, and a stop request that cancels it.
class CallContext {
 public:
  CallContext(const CallOptions& options, absl::Duration default_timeout)
      : on_stop_(options.stop, [this] { context_.TryCancel(); }) {
    const absl::Duration timeout =
        options.timeout == absl::ZeroDuration() ? default_timeout : options.timeout;
    context_.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }

  grpc::ClientContext* get() { return &context_; }

 private:
  grpc::ClientContext context_;
  std::stop_callback<std::function<void()>> on_stop_;
};

// Makes one call of `stub` that answers with one message.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(
    Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    const Request& request, const CallOptions& options, absl::Duration default_timeout) {
  CallContext context(options, default_timeout);
  Response response;
  if (absl::Status status = FromGrpc((stub.*method)(context.get(), request, &response));
      !status.ok())
    return status;
  return response;
}

// Fetches all pages of a list. `fetch(request, response)` makes one call, `elements(response)` are
// what it lists.
template <typename Element, typename Request, typename Response, typename Fetch, typename Elements>
absl::StatusOr<std::vector<Element>> FetchAll(Request request, const Response&, const Fetch& fetch,
                                              const Elements& elements) {
  std::vector<Element> result;
  std::string previous_token;
  do {
    Response response;
    if (absl::Status status = fetch(request, &response); !status.ok()) return status;
    for (const auto& element : elements(response)) result.push_back(FromProto(element));
    previous_token = request.page_token();
    request.set_page_token(response.next_page_token());
    if (!request.page_token().empty() && request.page_token() == previous_token) {
      return absl::InternalError("the server gave the same page twice");
    }
  } while (!request.page_token().empty());
  return result;
}

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_CALL_H_
