// The one wrapper around every unary RPC.
#ifndef GRAMIAN_SERVER_UNARY_CALL_H_
#define GRAMIAN_SERVER_UNARY_CALL_H_

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <functional>
#include <stop_token>

#include "absl/status/status.h"
#include "gramian/base/awaited.h"
#include "gramian/base/compute_pool.h"
#include "server/rpc.h"

namespace gramian {

// Answers `request` at once, on the network thread: `answer` takes microseconds and never waits. It
// is not called if the RPC is not admitted.
grpc::ServerUnaryReactor* AnswerInline(ServerState& state, const MethodMetrics& method,
                                       grpc::CallbackServerContext* context,
                                       const google::protobuf::Message& request,
                                       const std::function<absl::Status()>& answer);

// One unary RPC whose work runs on a pool. The only place that refuses when the queue is full
// (UNAVAILABLE, QUEUE_FULL), turns a cancelled or overdue RPC into a stop request, and observes the
// time computed. What another call computes is waited for without a thread. Deletes itself.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  // Run again whenever it returns InFlight, as soon as its Awaited says so; until then it holds no
  // thread.
  using Compute = std::function<absl::Status(std::stop_token, Awaited*)>;

  static grpc::ServerUnaryReactor* Start(const RpcRecord& record,
                                         grpc::CallbackServerContext* context, ComputePool& pool,
                                         Compute compute);

  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override { delete this; }

 private:
  UnaryCall(const RpcRecord& record, grpc::CallbackServerContext* context, ComputePool& pool,
            Compute compute);
  ~UnaryCall() override = default;
  void Run();
  // Goes on when what the computation awaits is there; false if too many do so.
  bool TryAwait();
  // The last touch of this object by its caller.
  void End(const absl::Status& status);

  RpcRecord record_;
  grpc::CallbackServerContext* const context_;
  ComputePool& pool_;
  Compute compute_;
  Awaited awaited_;
  const std::chrono::steady_clock::time_point submitted_ = std::chrono::steady_clock::now();
  bool awaited_once_ = false;
  double compute_seconds_ = 0;
  std::stop_source stop_;
  // Last: its destruction waits for a call of it that is under way.
  std::stop_callback<std::function<void()>> on_cut_off_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_UNARY_CALL_H_
