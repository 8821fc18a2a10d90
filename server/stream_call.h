// The wrapper around every RPC that streams its answer.
#ifndef GRAMIAN_SERVER_STREAM_CALL_H_
#define GRAMIAN_SERVER_STREAM_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <new>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "gramian/base/compute_pool.h"
#include "gramian/base/mutex.h"
#include "server/rpc.h"
#include "server/status_details.h"
#include "server/unary_call.h"

namespace gramian {

// One server-streaming RPC: `produce` runs on a pool thread and hands over messages, gRPC's threads
// send them. A few messages may wait; a client that reads none for options.stream_stall_seconds
// loses its stream, so that it cannot hold the thread. Deletes itself.
template <typename Response>
class StreamCall final : public grpc::ServerWriteReactor<Response> {
 public:
  // Sends one message; waits while too many wait to be sent. CANCELLED once the client has gone.
  using Send = std::function<absl::Status(Response)>;
  using Produce = std::function<absl::Status(const Send&, std::stop_token)>;

  static grpc::ServerWriteReactor<Response>* Start(ServerState& state, const MethodMetrics& method,
                                                   grpc::CallbackServerContext* context,
                                                   ComputePool& pool, Produce produce) {
    auto* call = new StreamCall(state, method, context);
    absl::Status status = call->record_.Admission();
    if (status.ok() &&
        !pool.TrySubmit([call, produce = std::move(produce)] { call->Run(produce); })) {
      status = TryAgain("too many requests wait for a thread", "QUEUE_FULL");
    }
    if (!status.ok()) call->Complete(std::move(status));
    return call;
  }

  void OnCancel() override { Stop(); }
  void OnDone() override { delete this; }

  void OnWriteDone(bool ok) override {
    if (!ok) stop_.request_stop();
    bool write = false;
    bool finish = false;
    {
      MutexLock lock(mutex_);
      changed_.notify_all();
      write = writing_ = ok && TakeNext();
      finish = !writing_ && produced_;
    }
    // Without either, another thread may already be writing or finishing: this object is not ours
    // any more.
    if (write) this->StartWrite(&current_);
    if (finish) End();
  }

 private:
  static constexpr size_t kMaxWaiting = 8;

  StreamCall(ServerState& state, const MethodMetrics& method, grpc::CallbackServerContext* context)
      : record_(state, method),
        context_(context),
        stall_(state.options.stream_stall_seconds),
        on_cut_off_(record_.cut_off(), [this] { Stop(); }) {}
  ~StreamCall() override = default;

  void Run(const Produce& produce) {
    absl::Status status = absl::CancelledError("cancelled while waiting for a thread");
    if (!stop_.stop_requested()) {
      const auto start = std::chrono::steady_clock::now();
      try {
        status = produce([this](Response response) { return Enqueue(std::move(response)); },
                         stop_.get_token());
      } catch (const std::bad_alloc&) {
        status = absl::ResourceExhaustedError("MEMORY_PRESSURE: out of memory");
      }
      record_.method().Computed(SecondsSince(start));
    }
    Complete(std::move(status));
  }

  absl::Status Enqueue(Response response) {
    bool start = false;
    {
      MutexLock lock(mutex_);
      const auto deadline = std::chrono::steady_clock::now() + stall_;
      while (waiting_.size() >= kMaxWaiting && !stop_.stop_requested()) {
        if (changed_.wait_until(mutex_, deadline) == std::cv_status::timeout &&
            waiting_.size() >= kMaxWaiting) {
          return WithReason(absl::AbortedError("the client reads too slowly"), "SLOW_READER");
        }
      }
      if (stop_.stop_requested()) return absl::CancelledError("the client has gone");
      waiting_.push_back(std::move(response));
      if (!writing_) start = writing_ = TakeNext();
    }
    if (start) this->StartWrite(&current_);
    return absl::OkStatus();
  }

  // The last touch of this object by the producing thread.
  void Complete(absl::Status status) {
    bool finish = false;
    {
      MutexLock lock(mutex_);
      produced_ = true;
      status_ = record_.WithCause(std::move(status), *context_);
      finish = !writing_;
    }
    if (finish) End();
  }

  bool TakeNext() GRAMIAN_REQUIRES(mutex_) {
    if (waiting_.empty()) return false;
    current_ = std::move(waiting_.front());
    waiting_.pop_front();
    return true;
  }

  void Stop() {
    stop_.request_stop();
    MutexLock lock(mutex_);
    changed_.notify_all();
  }

  void End() {
    record_.Close(status_);
    this->Finish(ToGrpcStatus(status_));
  }

  RpcRecord record_;
  grpc::CallbackServerContext* const context_;
  const std::chrono::seconds stall_;
  std::stop_source stop_;
  Response current_;     // Being written; belongs to whoever set writing_.
  absl::Status status_;  // Set once, before produced_.

  Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Response> waiting_ GRAMIAN_GUARDED_BY(mutex_);
  bool writing_ GRAMIAN_GUARDED_BY(mutex_) = false;
  bool produced_ GRAMIAN_GUARDED_BY(mutex_) = false;

  // Last: its destruction waits for a call of it that is under way.
  std::stop_callback<std::function<void()>> on_cut_off_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_STREAM_CALL_H_
