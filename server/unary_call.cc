#include "server/unary_call.h"

#include <chrono>
#include <new>
#include <utility>

#include "gramian/base/machine.h"
#include "server/status_details.h"

namespace gramian {

grpc::ServerUnaryReactor* AnswerInline(ServerState& state, const MethodMetrics& method,
                                       grpc::CallbackServerContext* context,
                                       absl::string_view resource,
                                       const std::function<absl::Status()>& answer) {
  RpcRecord record(state, method);
  absl::Status status = record.Admit(resource);
  if (status.ok()) status = answer();
  record.Close(status);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

grpc::ServerUnaryReactor* AnswerInline(ServerState& state, const MethodMetrics& method,
                                       grpc::CallbackServerContext* context,
                                       const std::function<absl::Status()>& answer) {
  return AnswerInline(state, method, context, "", answer);
}

UnaryCall::UnaryCall(const RpcRecord& record, grpc::CallbackServerContext* context)
    : record_(record),
      context_(context),
      on_cut_off_(record_.cut_off(), [this] { stop_.request_stop(); }) {}

grpc::ServerUnaryReactor* UnaryCall::Start(const RpcRecord& record,
                                           grpc::CallbackServerContext* context, ComputePool& pool,
                                           Compute compute) {
  auto* call = new UnaryCall(record, context);
  if (!pool.TrySubmit([call, compute = std::move(compute)] { call->Run(compute); })) {
    call->End(TooMany("too many requests wait for a thread", "QUEUE_FULL", pool.queue_limit()));
  }
  return call;
}

void UnaryCall::Run(const Compute& compute) {
  absl::Status status = absl::CancelledError("cancelled while waiting for a thread");
  if (!stop_.stop_requested()) {
    const auto start = std::chrono::steady_clock::now();
    try {
      status = compute(stop_.get_token());
    } catch (const std::bad_alloc&) {
      status = OutOfMemory("out of memory");
    }
    record_.method().Computed(SecondsSince(start));
  }
  End(record_.WithCause(std::move(status), *context_));
}

void UnaryCall::End(const absl::Status& status) {
  record_.Close(status);
  Finish(ToGrpcStatus(status));
}

}  // namespace gramian
