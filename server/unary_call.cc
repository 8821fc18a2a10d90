#include "server/unary_call.h"

#include <chrono>
#include <new>
#include <utility>

#include "gramian/base/machine.h"
#include "server/status_details.h"

namespace gramian {

grpc::ServerUnaryReactor* AnswerInline(ServerState& state, const MethodMetrics& method,
                                       grpc::CallbackServerContext* context,
                                       const google::protobuf::Message& request,
                                       const std::function<absl::Status()>& answer) {
  RpcRecord record(state, method, *context);
  absl::Status status = record.Admit(request);
  if (status.ok()) status = answer();
  record.Close(status);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

UnaryCall::UnaryCall(const RpcRecord& record, grpc::CallbackServerContext* context,
                     ComputePool& pool, Compute compute)
    : record_(record),
      context_(context),
      pool_(pool),
      compute_(std::move(compute)),
      on_cut_off_(record_.cut_off(), [this] { stop_.request_stop(); }) {}

grpc::ServerUnaryReactor* UnaryCall::Start(const RpcRecord& record,
                                           grpc::CallbackServerContext* context, ComputePool& pool,
                                           Compute compute) {
  auto* call = new UnaryCall(record, context, pool, std::move(compute));
  if (!pool.TrySubmit([call] { call->Run(); })) {
    call->End(TooMany("too many requests wait for a thread", "QUEUE_FULL", pool.queue_limit()));
  }
  return call;
}

void UnaryCall::Run() {
  if (compute_seconds_ == 0 && !awaited_once_) record_.Queued(pool_, SecondsSince(submitted_));
  absl::Status status = absl::CancelledError("cancelled while waiting");
  if (!stop_.stop_requested()) {
    const auto start = std::chrono::steady_clock::now();
    try {
      status = compute_(stop_.get_token(), &awaited_);
    } catch (const std::bad_alloc&) {
      status = OutOfMemory("out of memory");
    }
    const double seconds = SecondsSince(start);
    record_.Computed(seconds);
    compute_seconds_ += seconds;
  }
  if (IsInFlight(status)) {
    if (TryAwait()) return;  // This object belongs to the next run.
    status = TooMany("too many requests wait for what others compute", "QUEUE_FULL",
                     pool_.queue_limit());
  }
  awaited_.Clear();
  if (compute_seconds_ > 0) record_.method().Computed(compute_seconds_);
  End(record_.WithCause(std::move(status), *context_));
}

bool UnaryCall::TryAwait() {
  if (!pool_.TrySuspend()) return false;
  awaited_once_ = true;
  awaited_.Then(stop_.get_token(), [this] { pool_.ResumeSuspended([this] { Run(); }); });
  return true;
}

void UnaryCall::End(const absl::Status& status) {
  record_.Close(status);
  Finish(ToGrpcStatus(status));
}

}  // namespace gramian
