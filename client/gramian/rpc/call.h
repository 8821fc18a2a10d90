#ifndef GRAMIAN_RPC_CALL_H_
#define GRAMIAN_RPC_CALL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gramian/client/client.h"
#include "gramian/rpc/backoff.h"
#include "gramian/rpc/convert.h"
#include "gramian/rpc/status.h"

namespace gramian::client {

// How long a call may take with all of its attempts, and how long it is repeated after an attempt
// failed in a way that may pass (IsWorthRetry): zero means never, as what deletes needs it, which
// would not be found the second time.
struct CallTimes {
  absl::Duration timeout;
  absl::Duration reconnect_timeout;
};

// The context of one attempt: its deadline, and a stop request that cancels it.
class CallContext {
 public:
  CallContext(const CallOptions& options, absl::Time deadline)
      : on_stop_(options.stop, [this] { context_.TryCancel(); }) {
    context_.set_deadline(absl::ToChronoTime(deadline));
  }

  grpc::ClientContext* get() { return &context_; }

 private:
  grpc::ClientContext context_;
  std::stop_callback<std::function<void()>> on_stop_;
};

// The status of `attempt(context)`, made again with growing pauses while that may help.
template <typename Attempt>
absl::Status Repeat(const CallOptions& options, const CallTimes& times, const Attempt& attempt) {
  const absl::Duration timeout =
      options.timeout == absl::ZeroDuration() ? times.timeout : options.timeout;
  const absl::Time deadline = absl::Now() + timeout;
  absl::Time give_up = absl::InfiniteFuture();
  Backoff backoff;
  for (;;) {
    CallContext context(options, deadline);
    const absl::Status status = UnlessStopped(attempt(context), options.stop);
    if (!IsWorthRetry(status)) return status;
    give_up = std::min({give_up, deadline, absl::Now() + times.reconnect_timeout});
    if (!backoff.Wait(RetryDelay(status), give_up, options.stop))
      return options.stop.stop_requested() ? absl::CancelledError("the call was stopped") : status;
  }
}

// Makes a call of `stub` that answers with one message.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const std::type_identity_t<Request>& request,
                              const CallOptions& options, const CallTimes& times) {
  Response response;
  const absl::Status status = Repeat(options, times, [&](CallContext& context) {
    return FromGrpc((stub.*method)(context.get(), request, &response));
  });
  if (!status.ok()) return status;
  return response;
}

// Makes a call of `stub` that answers with a stream, and returns what a copy of `reader` makes of
// it: `Add(response)` takes the messages in turn, an error ends the call; `Finish()` is the result.
template <typename Stub, typename Request, typename Response, typename Reader>
auto CallStream(Stub& stub,
                std::unique_ptr<grpc::ClientReader<Response>> (Stub::*method)(grpc::ClientContext*,
                                                                              const Request&),
                const std::type_identity_t<Request>& request, const CallOptions& options,
                const CallTimes& times, const Reader& reader)
    -> decltype(std::declval<Reader&>().Finish()) {
  absl::Status problem;  // of what the server sent; not repeated
  std::optional<Reader> result;
  const absl::Status status = Repeat(options, times, [&](CallContext& context) {
    result.emplace(reader);
    const auto stream = (stub.*method)(context.get(), request);
    Response response;
    while (problem.ok() && stream->Read(&response)) problem = result->Add(response);
    if (!problem.ok()) context.get()->TryCancel();
    const absl::Status end = FromGrpc(stream->Finish());
    return problem.ok() ? end : absl::OkStatus();
  });
  if (!problem.ok()) return problem;
  if (!status.ok()) return status;
  return result->Finish();
}

// Fetches all pages of a list; `elements(response)` are what one page lists.
template <typename Element, typename Stub, typename Request, typename Response, typename Elements>
absl::StatusOr<std::vector<Element>> FetchAll(
    Stub& stub, grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    std::type_identity_t<Request> request, const CallOptions& options, const CallTimes& times,
    const Elements& elements) {
  std::vector<Element> result;
  std::string previous_token;
  do {
    const absl::StatusOr<Response> response = Call(stub, method, request, options, times);
    if (!response.ok()) return response.status();
    for (const auto& element : elements(*response)) result.push_back(FromProto(element));
    previous_token = request.page_token();
    request.set_page_token(response->next_page_token());
    if (!request.page_token().empty() && request.page_token() == previous_token) {
      return absl::InternalError("the server gave the same page twice");
    }
  } while (!request.page_token().empty());
  return result;
}

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_CALL_H_
