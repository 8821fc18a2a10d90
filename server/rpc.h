// What every RPC has in common: admission, status, metrics, one log line when it fails.
#ifndef GRAMIAN_SERVER_RPC_H_
#define GRAMIAN_SERVER_RPC_H_

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gramian/base/compute_pool.h"
#include "gramian/base/mutex.h"
#include "gramian/engine/similarity_engine.h"
#include "server/access_control.h"
#include "server/admission.h"
#include "server/audit_log.h"
#include "server/calls_in_flight.h"
#include "server/metrics.h"
#include "server/server_options.h"

namespace gramian {

// Counts the RPCs in flight and closes for new ones when the server drains. Thread-safe.
class RpcGate {
 public:
  // False once the gate is closed; true counts one more.
  bool Enter();
  void Leave();
  // Refuses what comes from now on; streams that wait for their clients are told by closing().
  void Close();
  bool closed() const { return closed_; }
  // Stop is requested by Close.
  std::stop_token closing() const { return closing_.get_token(); }
  // Asks what is in flight to end with DRAINING. Only after Close().
  void CutOff() { cut_off_.request_stop(); }
  // Stop is requested by CutOff.
  std::stop_token cut_off() const { return cut_off_.get_token(); }
  // RPCs in flight now, and let in since the start.
  int64_t in_flight() const { return in_flight_; }
  int64_t entered() const { return entered_; }
  // Waits until nothing is in flight; false if `timeout` passes first. Only after Close().
  bool WaitIdle(std::chrono::milliseconds timeout);

 private:
  std::atomic<int64_t> in_flight_{0};
  std::atomic<int64_t> entered_{0};
  std::atomic<bool> closed_{false};
  Mutex mutex_;
  std::condition_variable_any idle_;
  std::stop_source closing_;
  std::stop_source cut_off_;
};

// What the services share. All of it outlives every RPC.
struct ServerState {
  ServerState(const ServerOptions& server_options, std::unique_ptr<SimilarityEngine> open_engine);

  QueueLengths queue_lengths() const;

  const ServerOptions options;
  const std::unique_ptr<SimilarityEngine> owned_engine;
  SimilarityEngine& engine;
  Metrics metrics;
  AccessControl access;
  AuditLog audit;
  Admission admission;
  RpcGate gate;
  CallsInFlight calls;
  // Lanes: a huge matrix never makes a single pair wait for a thread, and neither delays a commit.
  // Together they are more than the processors, so batch is nicer than ingest and that nicer than
  // interactive.
  ComputePool interactive;
  ComputePool batch;
  ComputePool ingest;
};

// One RPC from its first message to its status. Not thread-safe; Close comes last, exactly once.
class RpcRecord {
 public:
  RpcRecord(ServerState& state, const MethodMetrics& method,
            const grpc::CallbackServerContext& context);

  // UNAVAILABLE, reason DRAINING, if the RPC came after the gate closed; UNAUTHENTICATED or
  // PERMISSION_DENIED if the caller may not call it, or not about a project that `request` names
  // (access_control.h); RESOURCE_EXHAUSTED, reason RATE_LIMITED, if the first of these projects
  // calls too often, too much at a time or has
  // computed too long (admission.h). Once per RPC, before anything is looked up.
  absl::Status Admit(const google::protobuf::Message& request);
  // What of this needs no request.
  absl::Status AdmitCaller() const;
  // What the RPC turned out to be about, for the audit log; without it, the first resource that its
  // request names.
  void SetResource(const std::string& resource) { resource_ = resource; }
  // Stop is requested when the server begins to drain.
  std::stop_token closing() const { return state_.gate.closing(); }
  // Stop is requested when the patience of a drain is over.
  std::stop_token cut_off() const { return state_.gate.cut_off(); }
  // `status`, but if it is CANCELLED, what cancelled the work: DEADLINE_EXCEEDED if the deadline of
  // `context` passed, UNAVAILABLE, reason DRAINING, if the drain cut it off.
  absl::Status WithCause(absl::Status status, const grpc::CallbackServerContext& context) const;
  // Counts computing time as it is spent, for the quota of the project.
  void Computed(double seconds) const;
  // Counts accepted bytes of activations. How long to wait before reading more.
  absl::Duration Ingested(int64_t bytes) const;
  // Counts how long the call waited for a thread of `pool`.
  void Queued(const ComputePool& pool, double seconds) const;
  // Counts the outcome, logs a failure (success only at debug), audits a change. The RPC is no
  // longer in flight.
  void Close(const absl::Status& status);

  const MethodMetrics& method() const { return method_; }

 private:
  void Audit(const absl::Status& status);

  ServerState& state_;
  const MethodMetrics& method_;
  const absl::StatusOr<AccessControl::GrantPtr> caller_;
  std::string resource_;
  nlohmann::ordered_json asked_;  // what of the request the audit log says
  std::string project_;           // whose open call this is; empty if none's
  const std::chrono::steady_clock::time_point start_;
  const bool admitted_;
  const int64_t call_;  // in state_.calls
};

// Seconds since `start`.
double SecondsSince(std::chrono::steady_clock::time_point start);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_RPC_H_
