// The wrapper around every RPC that streams its answer.
#ifndef GRAMIAN_SERVER_STREAM_CALL_H_
#define GRAMIAN_SERVER_STREAM_CALL_H_

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <deque>
#include <functional>
#include <new>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gramian/base/compute_pool.h"
#include "gramian/base/machine.h"
#include "gramian/base/mutex.h"
#include "server/open_streams.h"
#include "server/rpc.h"
#include "server/status_details.h"

namespace gramian {

// One server-streaming RPC: its answer is produced step by step on a pool, gRPC's threads send it.
// A client that does not keep up holds no thread: when a few messages wait the next step does, and
// a client that takes none for the time its OpenStreams allow loses its stream. Deletes itself.
template <typename Response>
class StreamCall final : public grpc::ServerWriteReactor<Response>, public OpenStream {
 public:
  // Queues one message; never waits.
  using Send = std::function<void(Response)>;
  // Sends the next few messages and returns whether there are more to come.
  using Step = std::function<absl::StatusOr<bool>(const Send&, const std::stop_token&)>;

  // `streams` and `pool` outlive the call.
  static grpc::ServerWriteReactor<Response>* Start(ServerState& state, const MethodMetrics& method,
                                                   grpc::CallbackServerContext* context,
                                                   const google::protobuf::Message& request,
                                                   OpenStreams& streams, ComputePool& pool,
                                                   Step step) {
    auto* call = new StreamCall(state, method, context, streams, pool, std::move(step));
    absl::Status status = call->record_.Admit(request);
    if (status.ok() && !streams.TryTakePlace(kAll)) {
      status = TooMany("too many streams are open", "QUEUE_FULL", streams.limit());
    } else if (status.ok()) {
      call->has_place_ = true;
      streams.Add(call);
      if (!pool.TrySubmit([call] { call->Run(); })) {
        status = TooMany("too many requests wait for a thread", "QUEUE_FULL", pool.queue_limit());
      }
    }
    if (!status.ok()) call->Complete(std::move(status));
    return call;
  }

  void OnCancel() override { Stop(); }
  void OnDone() override {
    streams_.Remove(this);
    delete this;
  }

  void OnWriteDone(bool ok) override {
    if (!ok) stop_.request_stop();
    bool write = false;
    bool finish = false;
    bool resume = false;
    {
      MutexLock lock(mutex_);
      write = writing_ = ok && TakeNext();
      finish = !writing_ && completed_;
      resume = parked_ && (!ok || waiting_.size() <= kMaxWaiting / 2);
      if (resume) parked_ = false;
    }
    // Without any of them another thread may be at work: this object is not ours any more.
    if (write) this->StartWrite(&current_);
    if (resume) Resume();
    if (finish) End();
  }

  void EndIfIdleSince(std::chrono::steady_clock::time_point time) override {
    MutexLock lock(mutex_);
    if (!writing_ || stalled_ || writing_since_ > time) return;
    stalled_ = true;
    // A message that the client does not take can be followed by nothing: only this ends the write.
    context_->TryCancel();
  }

 private:
  static constexpr size_t kMaxWaiting = 8;
  // They share their places.
  static constexpr char kAll[] = "";

  StreamCall(ServerState& state, const MethodMetrics& method, grpc::CallbackServerContext* context,
             OpenStreams& streams, ComputePool& pool, Step step)
      : record_(state, method, *context),
        context_(context),
        streams_(streams),
        pool_(pool),
        step_(std::move(step)),
        on_cut_off_(record_.cut_off(), [this] { Stop(); }) {}
  ~StreamCall() override = default;

  void Run() {
    if (!std::exchange(has_run_, true)) record_.Queued(pool_, SecondsSince(submitted_));
    absl::StatusOr<bool> more = absl::CancelledError("cancelled");
    if (!stop_.stop_requested()) {
      const auto start = std::chrono::steady_clock::now();
      try {
        more =
            step_([this](Response response) { Enqueue(std::move(response)); }, stop_.get_token());
      } catch (const std::bad_alloc&) {
        more = OutOfMemory("out of memory");
      }
      const double seconds = SecondsSince(start);
      record_.Computed(seconds);
      compute_seconds_ += seconds;
    }
    if (!more.ok() || !*more) {
      Complete(more.status());
      return;
    }
    {
      MutexLock lock(mutex_);
      // A stop that came before finds nothing to resume.
      parked_ = waiting_.size() >= kMaxWaiting && !stop_.stop_requested();
      if (parked_) return;
    }
    Resume();
  }

  void Resume() {
    pool_.Resume([this] { Run(); });
  }

  void Enqueue(Response response) {
    bool start = false;
    {
      MutexLock lock(mutex_);
      waiting_.push_back(std::move(response));
      if (!writing_) start = writing_ = TakeNext();
    }
    if (start) this->StartWrite(&current_);
  }

  // The last touch of this object by the producing thread.
  void Complete(absl::Status status) {
    bool finish = false;
    {
      MutexLock lock(mutex_);
      completed_ = true;
      if (stalled_) {
        status = WithReason(absl::AbortedError("the client reads too slowly"), "SLOW_READER");
      }
      status_ = record_.WithCause(std::move(status), *context_);
      finish = !writing_;
    }
    if (finish) End();
  }

  bool TakeNext() GRAMIAN_REQUIRES(mutex_) {
    if (waiting_.empty()) return false;
    current_ = std::move(waiting_.front());
    waiting_.pop_front();
    writing_since_ = std::chrono::steady_clock::now();
    return true;
  }

  void Stop() {
    stop_.request_stop();
    bool resume = false;
    {
      MutexLock lock(mutex_);
      resume = std::exchange(parked_, false);
    }
    if (resume) Resume();
  }

  void End() {
    step_ = nullptr;
    if (has_place_) streams_.FreePlace(kAll);
    if (compute_seconds_ > 0) record_.method().Computed(compute_seconds_);
    record_.Close(status_);
    this->Finish(ToGrpcStatus(status_));
  }

  RpcRecord record_;
  grpc::CallbackServerContext* const context_;
  OpenStreams& streams_;
  ComputePool& pool_;
  Step step_;
  bool has_place_ = false;
  const std::chrono::steady_clock::time_point submitted_ = std::chrono::steady_clock::now();
  bool has_run_ = false;
  double compute_seconds_ = 0;
  std::stop_source stop_;
  Response current_;     // Being written; belongs to whoever set writing_.
  absl::Status status_;  // Set once, before completed_.

  Mutex mutex_;
  std::deque<Response> waiting_ GRAMIAN_GUARDED_BY(mutex_);
  bool writing_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point writing_since_ GRAMIAN_GUARDED_BY(mutex_);
  bool stalled_ GRAMIAN_GUARDED_BY(mutex_) = false;
  bool parked_ GRAMIAN_GUARDED_BY(mutex_) = false;  // the next step waits for the client
  bool completed_ GRAMIAN_GUARDED_BY(mutex_) = false;

  // Last: its destruction waits for a call of it that is under way.
  std::stop_callback<std::function<void()>> on_cut_off_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_STREAM_CALL_H_
