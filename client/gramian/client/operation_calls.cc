// What Client asks about watches and the server itself.
#include <string>
#include <vector>

#include "gramian/client/client.h"
#include "gramian/rpc/call.h"
#include "gramian/rpc/connections.h"
#include "gramian/rpc/convert.h"
#include "gramian/rpc/status.h"
#include "gramian/v1/watch.grpc.pb.h"

namespace gramian::client {
namespace {

using Stub = v1::WatchService::Stub;

WatchState FromProto(v1::WatchState state) {
  if (state == v1::WATCH_STATE_SCORED) return WatchState::kScored;
  if (state == v1::WATCH_STATE_FAILED) return WatchState::kFailed;
  return WatchState::kWaiting;
}

WatchInfo FromProto(const v1::Watch& proto) {
  WatchInfo watch;
  watch.spec.name = proto.name();
  watch.spec.network = proto.network();
  watch.spec.reference = proto.reference();
  watch.spec.layers.assign(proto.layers().begin(), proto.layers().end());
  watch.spec.measure = proto.measure();
  watch.create_time = client::FromProto(proto.create_time());
  watch.state = FromProto(proto.state());
  watch.score = proto.score();
  watch.step = proto.step();
  watch.reference_step = proto.reference_step();
  watch.evaluate_time = client::FromProto(proto.evaluate_time());
  watch.message = proto.message();
  watch.evaluation_count = proto.evaluation_count();
  watch.failure_count = proto.failure_count();
  return watch;
}

ProjectStats FromProto(const v1::ProjectStats& proto) {
  ProjectStats stats;
  stats.name = proto.name();
  stats.quotas.stored_bytes = proto.quotas().stored_bytes();
  stats.quotas.open_upload_count = proto.quotas().open_upload_count();
  stats.quotas.calls_per_second = proto.quotas().calls_per_second();
  stats.quotas.burst_call_count = proto.quotas().burst_call_count();
  stats.quotas.open_call_count = proto.quotas().open_call_count();
  stats.quotas.bytes_per_second = proto.quotas().bytes_per_second();
  stats.quotas.compute_seconds_per_hour = proto.quotas().compute_seconds_per_hour();
  stats.stored_bytes = proto.stored_bytes();
  stats.open_upload_count = proto.open_upload_count();
  stats.open_call_count = proto.open_call_count();
  stats.compute_seconds = proto.compute_seconds();
  return stats;
}

ServerStats FromProto(const v1::GetServerStatsResponse& proto) {
  ServerStats stats;
  stats.read_time = client::FromProto(proto.read_time());
  stats.start_time = client::FromProto(proto.start_time());
  stats.started_call_count = proto.started_call_count();
  stats.succeeded_call_count = proto.succeeded_call_count();
  stats.failed_call_count = proto.failed_call_count();
  stats.open_call_count = proto.open_call_count();
  stats.ingested_bytes = proto.ingested_bytes();
  stats.interactive_queue_count = proto.interactive_queue_count();
  stats.batch_queue_count = proto.batch_queue_count();
  stats.ingest_queue_count = proto.ingest_queue_count();
  stats.computation_count = proto.computation_count();
  stats.computed_score_count = proto.computed_score_count();
  stats.compute_seconds = proto.compute_seconds();
  stats.cache_hit_count = proto.cache_hit_count();
  stats.cache_miss_count = proto.cache_miss_count();
  stats.cache_bytes = proto.cache_bytes();
  stats.cache_limit_bytes = proto.cache_limit_bytes();
  stats.score_hit_count = proto.score_hit_count();
  stats.score_miss_count = proto.score_miss_count();
  stats.store_bytes = proto.store_bytes();
  stats.store_limit_bytes = proto.store_limit_bytes();
  stats.layer_count = proto.layer_count();
  stats.upload_count = proto.upload_count();
  stats.scratch_bytes = proto.scratch_bytes();
  stats.scratch_limit_bytes = proto.scratch_limit_bytes();
  stats.waiting_computation_count = proto.waiting_computation_count();
  stats.resident_bytes = proto.resident_bytes();
  stats.memory_limit_bytes = proto.memory_limit_bytes();
  stats.watch_count = proto.watch_count();
  stats.failed_watch_count = proto.failed_watch_count();
  stats.draining = proto.draining();
  for (const v1::ProjectStats& project : proto.projects())
    stats.projects.push_back(FromProto(project));
  return stats;
}

// The values of the message follow those of the enum by one.
v1::LogLevel ToProto(LogLevel level) {
  return static_cast<v1::LogLevel>(static_cast<int>(level) + 1);
}
LogLevel FromProto(v1::LogLevel level) {
  return static_cast<LogLevel>(static_cast<int>(level) - 1);
}

}  // namespace

absl::StatusOr<WatchInfo> Client::CreateWatch(const WatchSpec& spec, const CallOptions& options) {
  v1::CreateWatchRequest request;
  v1::Watch& watch = *request.mutable_watch();
  watch.set_name(spec.name);
  watch.set_network(spec.network);
  watch.set_reference(spec.reference);
  watch.mutable_layers()->Add(spec.layers.begin(), spec.layers.end());
  watch.set_measure(spec.measure);
  const auto response =
      Call(*connections_->watches, &Stub::CreateWatch, request, options, connections_->OnceTimes());
  if (!response.ok()) return response.status();
  return FromProto(response->watch());
}

absl::StatusOr<WatchInfo> Client::GetWatch(absl::string_view watch, const CallOptions& options) {
  v1::GetWatchRequest request;
  request.set_name(std::string(watch));
  const auto response =
      Call(*connections_->watches, &Stub::GetWatch, request, options, connections_->QueryTimes());
  if (!response.ok()) return response.status();
  return FromProto(response->watch());
}

absl::StatusOr<std::vector<WatchInfo>> Client::ListWatches(absl::string_view project,
                                                           const CallOptions& options) {
  v1::ListWatchesRequest request;
  request.set_parent(std::string(project));
  const auto response = Call(*connections_->watches, &Stub::ListWatches, request, options,
                             connections_->QueryTimes());
  if (!response.ok()) return response.status();
  std::vector<WatchInfo> watches;
  for (const v1::Watch& watch : response->watches()) watches.push_back(FromProto(watch));
  return watches;
}

absl::Status Client::DeleteWatch(absl::string_view watch, const CallOptions& options) {
  v1::DeleteWatchRequest request;
  request.set_name(std::string(watch));
  return Call(*connections_->watches, &Stub::DeleteWatch, request, options,
              connections_->OnceTimes())
      .status();
}

absl::StatusOr<ServerStats> Client::GetServerStats(const CallOptions& options) {
  using Admin = v1::AdminService::Stub;
  const auto response =
      Call(*connections_->admin, &Admin::GetServerStats, {}, options, connections_->QueryTimes());
  if (!response.ok()) return response.status();
  return FromProto(*response);
}

absl::StatusOr<LogLevel> Client::SetLogLevel(LogLevel level, const CallOptions& options) {
  using Admin = v1::AdminService::Stub;
  v1::SetLogLevelRequest request;
  request.set_level(ToProto(level));
  const auto response =
      Call(*connections_->admin, &Admin::SetLogLevel, request, options, connections_->QueryTimes());
  if (!response.ok()) return response.status();
  return FromProto(response->previous_level());
}

}  // namespace gramian::client
