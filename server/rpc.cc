#include "server/rpc.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "gramian/base/status_macros.h"
#include "server/log_format.h"
#include "server/resource_name.h"
#include "server/server_options.h"
#include "server/status_details.h"

namespace gramian {
namespace {

// What takes long anyway, and what arrives in bulk, leaves the processors to who waits for an
// answer and to the network threads.
constexpr int kBatchNiceness = 10;
constexpr int kIngestNiceness = 5;
constexpr int kDiskThreads = 4;

// A fault of ours is worth waking someone; a caller's mistake is not.
bool IsOurFault(absl::StatusCode code) {
  return code == absl::StatusCode::kInternal || code == absl::StatusCode::kUnknown ||
         code == absl::StatusCode::kDataLoss;
}

// What a project is refused because of what it uses itself.
bool IsQuota(absl::string_view reason) {
  for (const char* const quota :
       {"TENANT_QUOTA", "TOO_MANY_UPLOADS", "TOO_MANY_CALLS", "COMPUTE_QUOTA", "RATE_LIMITED"}) {
    if (reason == quota) return true;
  }
  return false;
}

}  // namespace

bool RpcGate::Enter() {
  ++in_flight_;
  ++entered_;
  if (!closed_) return true;
  Leave();
  return false;
}

void RpcGate::Leave() {
  if (--in_flight_ > 0 || !closed_) return;
  MutexLock lock(mutex_);
  idle_.notify_all();
}

void RpcGate::Close() {
  closed_ = true;
  closing_.request_stop();
}

bool RpcGate::WaitIdle(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  MutexLock lock(mutex_);
  while (in_flight_ > 0) {
    if (idle_.wait_until(mutex_, deadline) == std::cv_status::timeout) return in_flight_ == 0;
  }
  return true;
}

ServerState::ServerState(const ServerOptions& server_options,
                         std::unique_ptr<SimilarityEngine> open_engine)
    : options(server_options),
      owned_engine(std::move(open_engine)),
      engine(*owned_engine),
      access(options.access_file),
      admission(DefaultQuotas(options), options.quota_file),
      interactive(std::max(2, options.threads), options.queue),
      batch(std::max(2, options.threads / 2), options.queue, kBatchNiceness),
      // Streams have limits of their own. Those that wait for the disk do not keep all others
      // waiting.
      ingest(std::max(options.data_dir.empty() ? 1 : kDiskThreads, options.threads), options.queue,
             kIngestNiceness) {}

QueueLengths ServerState::queue_lengths() const {
  return {interactive.queue_length(), batch.queue_length(), ingest.queue_length()};
}

RpcRecord::RpcRecord(ServerState& state, const MethodMetrics& method,
                     const grpc::CallbackServerContext& context)
    : state_(state),
      method_(method),
      caller_(state.access.Authenticate(context)),
      start_(std::chrono::steady_clock::now()),
      admitted_(state.gate.Enter()),
      call_(state.calls.Begin(method.name(), TraceOf(context))) {
  method_.Started();
}

absl::Status RpcRecord::AdmitCaller() const {
  if (!admitted_) return TryAgain("the server is draining", "DRAINING");
  GRAMIAN_RETURN_IF_ERROR(caller_.status());
  return CheckRole(**caller_, method_.name());
}

absl::Status RpcRecord::Admit(const google::protobuf::Message& request) {
  const std::vector<std::string> resources = ResourceNamesIn(request, state_.options.name_bytes);
  if (!resources.empty()) {
    resource_ = resources.front();
    state_.calls.SetProject(call_, ProjectOf(resource_));
  }
  GRAMIAN_RETURN_IF_ERROR(AdmitCaller());
  if (ChangesSomething(method_.name())) asked_ = ScalarsOf(request);
  for (const std::string& resource : resources)
    GRAMIAN_RETURN_IF_ERROR(CheckProject(**caller_, resource));
  const std::string project = ProjectOf(resource_);
  const bool computes = absl::StartsWith(method_.name(), "SimilarityService/");
  GRAMIAN_RETURN_IF_ERROR(state_.admission.BeginCall(project, computes, absl::Now()));
  project_ = project;
  state_.metrics.ProjectCalled(project_);
  return absl::OkStatus();
}

void RpcRecord::Computed(double seconds) const {
  state_.admission.AddCompute(project_, seconds, absl::Now());
  state_.metrics.ProjectComputed(project_, seconds);
}

absl::Duration RpcRecord::Ingested(int64_t bytes) const {
  state_.metrics.AddIngestedBytes(bytes);
  state_.metrics.ProjectIngested(project_, bytes);
  return state_.admission.AddBytes(project_, bytes, absl::Now());
}

absl::Status RpcRecord::WithCause(absl::Status status,
                                  const grpc::CallbackServerContext& context) const {
  if (!absl::IsCancelled(status)) return status;
  if (cut_off().stop_requested()) return TryAgain("the server is draining", "DRAINING");
  if (std::chrono::system_clock::now() < context.deadline()) return status;
  return absl::DeadlineExceededError("the deadline passed; the computation was stopped");
}

void RpcRecord::Queued(const ComputePool& pool, double seconds) const {
  state_.metrics.Queued(&pool == &state_.interactive ? WaitingLane::kInteractive
                        : &pool == &state_.batch     ? WaitingLane::kBatch
                                                     : WaitingLane::kIngest,
                        seconds);
}

void RpcRecord::Close(const absl::Status& status) {
  const double seconds = SecondsSince(start_);
  method_.Handled(status.code(), seconds);
  const CallInFlight call = state_.calls.End(call_);
  const spdlog::level::level_enum level = status.ok()                 ? spdlog::level::debug
                                          : IsOurFault(status.code()) ? spdlog::level::err
                                                                      : spdlog::level::info;
  if (!status.ok()) {
    const std::string reason = ReasonOf(status);
    state_.metrics.Refused(reason);
    if (IsQuota(reason)) state_.metrics.ProjectRefused(ProjectOf(resource_));
  }
  if (spdlog::should_log(level)) {
    LogCall(level, {.call = call,
                    .code = absl::StatusCodeToString(status.code()),
                    .reason = status.ok() ? "" : ReasonOf(status),
                    .seconds = seconds,
                    .message = CutMessage(status.message())});
  }
  Audit(status);
  state_.admission.EndCall(project_);
  if (admitted_) state_.gate.Leave();
}

void RpcRecord::Audit(const absl::Status& status) {
  const bool is_refused_for_who_calls =
      absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
  if (!is_refused_for_who_calls && !ChangesSomething(method_.name())) return;
  state_.audit.Write({.who = caller_.ok() ? (*caller_)->name : "",
                      .rpc = method_.name(),
                      .resource = resource_,
                      .request = std::move(asked_),
                      .outcome = status.code(),
                      .reason = status.ok() ? "" : ReasonOf(status)});
}

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace gramian
