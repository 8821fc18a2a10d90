#include "server/admin_service.h"

#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gramian/base/blas.h"
#include "gramian/base/status_macros.h"
#include "server/activation_messages.h"
#include "server/resource_name.h"
#include "server/status_details.h"
#include "server/unary_call.h"
#include "server/version.h"

namespace gramian {
namespace {

// What file systems take as a name, less what stands around it while the backup is made.
constexpr int64_t kBackupNameBytes = 200;

v1::ServerLimits LimitsOf(const ServerOptions& options) {
  v1::ServerLimits limits;
  limits.set_chunk_bytes(options.chunk_bytes);
  limits.set_message_bytes(options.message_bytes);
  limits.set_row_count(options.max_rows);
  limits.set_feature_count(options.max_features);
  limits.set_layers_per_snapshot_count(options.max_layers);
  limits.set_open_upload_count(options.max_uploads);
  limits.set_upload_idle_seconds(options.upload_idle_seconds);
  limits.set_store_bytes(options.store_bytes);
  limits.set_cache_bytes(options.cache_bytes);
  limits.set_scratch_bytes(options.scratch_bytes);
  limits.set_queue_count(options.queue);
  limits.set_page_size(options.page_size);
  limits.set_name_bytes(options.name_bytes);
  limits.set_measure_count(options.max_measures);
  limits.set_network_count(options.max_networks);
  limits.set_score_count(options.max_scores);
  limits.set_memory_bytes(options.memory_bytes);
  limits.set_disk_reserve_bytes(options.disk_reserve_bytes);
  limits.set_retain_seconds(options.retain_age);
  limits.set_retain_bytes(options.retain_bytes);
  limits.set_project_bytes(options.project_bytes);
  limits.set_project_calls_per_second(options.project_rate);
  limits.set_project_burst_calls(options.project_burst);
  limits.set_connection_count(options.max_connections);
  limits.set_calls_per_connection_count(options.max_streams);
  limits.set_stream_stall_seconds(options.stream_stall_seconds);
  limits.set_keepalive_seconds(options.keepalive_seconds);
  limits.set_keepalive_timeout_seconds(options.keepalive_timeout_seconds);
  limits.set_connection_idle_seconds(options.connection_idle_seconds);
  limits.set_connection_age_seconds(options.connection_age_seconds);
  limits.set_connection_grace_seconds(options.connection_grace_seconds);
  limits.set_watch_count(options.max_watches);
  return limits;
}

// A name of one folder that no shell and no file system finds odd.
absl::Status CheckBackupName(absl::string_view name) {
  const auto is_plain = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  };
  if (name.empty() || name.front() == '.' || !std::all_of(name.begin(), name.end(), is_plain)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a backup cannot be named '", absl::CHexEscape(name),
                     "': letters, digits, '.', '_' and '-', not beginning with a dot"));
  }
  if (static_cast<int64_t>(name.size()) <= kBackupNameBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the name of a backup has ", name.size(),
                                                 " bytes, the limit is ", kBackupNameBytes));
}

absl::Status Backup(ServerState& state, const WatchBoard& watches,
                    const v1::CreateBackupRequest& request, std::stop_token stop,
                    v1::CreateBackupResponse& response) {
  if (state.options.backup_dir.empty()) {
    return absl::FailedPreconditionError("gramiand was started without --backup-dir");
  }
  GRAMIAN_RETURN_IF_ERROR(CheckBackupName(request.name()));
  const std::string path = absl::StrCat(state.options.backup_dir, "/", request.name());
  GRAMIAN_ASSIGN_OR_RETURN(
      const BackupSummary summary,
      state.engine.store().Backup(path, std::move(stop), [&watches](const std::string& directory) {
        return watches.CopyTo(directory);
      }));
  response.set_path(path);
  const int64_t nanos = absl::ToUnixNanos(summary.time);
  response.mutable_create_time()->set_seconds(nanos / 1'000'000'000);
  response.mutable_create_time()->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  response.set_layer_count(summary.layers);
  response.set_content_count(summary.contents);
  response.set_size_bytes(summary.bytes);
  response.set_linked(summary.is_linked);
  spdlog::info("backup {}: {} layers, {} bytes", path, summary.layers, summary.bytes);
  return absl::OkStatus();
}

struct LogLevelName {
  v1::LogLevel level;
  spdlog::level::level_enum is;
};
constexpr LogLevelName kLogLevels[] = {
    {v1::LOG_LEVEL_TRACE, spdlog::level::trace}, {v1::LOG_LEVEL_DEBUG, spdlog::level::debug},
    {v1::LOG_LEVEL_INFO, spdlog::level::info},   {v1::LOG_LEVEL_WARN, spdlog::level::warn},
    {v1::LOG_LEVEL_ERROR, spdlog::level::err},   {v1::LOG_LEVEL_OFF, spdlog::level::off}};

absl::Status ChangeLogLevel(v1::LogLevel wanted, v1::SetLogLevelResponse& response) {
  std::optional<spdlog::level::level_enum> level;
  for (const LogLevelName& name : kLogLevels) {
    if (name.level == wanted) level = name.is;
    if (name.is == spdlog::get_level()) response.set_previous_level(name.level);
  }
  if (!level.has_value()) return absl::InvalidArgumentError("level is not given, or is unknown");
  spdlog::set_level(*level);
  return absl::OkStatus();
}

void Fill(const EngineStats& engine, v1::GetServerStatsResponse& stats) {
  stats.set_computation_count(engine.running);
  stats.set_computed_score_count(engine.completed);
  stats.set_compute_seconds(engine.compute_seconds_total);
  stats.set_cache_hit_count(engine.cache.hits);
  stats.set_cache_miss_count(engine.cache.misses + engine.cache.coalesced);
  stats.set_cache_bytes(engine.cache.bytes);
  stats.set_cache_limit_bytes(engine.cache.limit_bytes);
  stats.set_score_hit_count(engine.result_hits);
  stats.set_score_miss_count(engine.result_misses);
  stats.set_store_bytes(engine.store.bytes);
  stats.set_store_limit_bytes(engine.store.limit_bytes);
  stats.set_layer_count(engine.store.layers);
  stats.set_upload_count(engine.store.uploads);
  stats.set_scratch_bytes(engine.scratch.leased_bytes);
  stats.set_scratch_limit_bytes(engine.scratch.limit_bytes);
  stats.set_waiting_computation_count(engine.scratch.waiting);
}

void Fill(const ServerState& state, v1::GetServerStatsResponse& stats) {
  const CallTotals calls = state.metrics.call_totals();
  stats.set_started_call_count(calls.started);
  stats.set_succeeded_call_count(calls.succeeded);
  stats.set_failed_call_count(calls.failed);
  // Not the one that asks.
  stats.set_open_call_count(std::max<int64_t>(0, state.gate.in_flight() - 1));
  stats.set_ingested_bytes(state.metrics.ingested_bytes());
  const QueueLengths queues = state.queue_lengths();
  stats.set_interactive_queue_count(queues.interactive);
  stats.set_batch_queue_count(queues.batch);
  stats.set_ingest_queue_count(queues.ingest);
  stats.set_resident_bytes(ProcessStats::Read().resident_bytes);
  stats.set_memory_limit_bytes(state.options.memory_bytes);
  stats.set_draining(state.gate.closed());
}

v1::ProjectQuotas ToProto(const Quotas& quotas) {
  v1::ProjectQuotas proto;
  proto.set_stored_bytes(quotas.stored_bytes);
  proto.set_open_upload_count(quotas.open_uploads);
  proto.set_calls_per_second(quotas.calls_per_second);
  proto.set_burst_call_count(quotas.calls_per_second > 0 ? quotas.burst() : 0);
  proto.set_open_call_count(quotas.open_calls);
  proto.set_bytes_per_second(quotas.bytes_per_second);
  proto.set_compute_seconds_per_hour(quotas.compute_seconds_per_hour);
  return proto;
}

// Those with layers and those with quotas of their own, as far as `grant` allows.
std::set<std::string> ProjectsOf(const ServerState& state, const Grant& grant) {
  std::set<std::string> projects;
  for (const std::vector<std::string>& some :
       {state.engine.store().ListProjects(), state.admission.NamedProjects()}) {
    for (const std::string& project : some) {
      if (grant.Allows(project)) projects.insert(project);
    }
  }
  return projects;
}

// One element per project; the sums of all of them instead of what other projects have, too.
void FillProjects(const ServerState& state, const Grant& grant, v1::GetServerStatsResponse& stats) {
  const ActivationStore& store = state.engine.store();
  int64_t bytes = 0;
  int64_t layers = 0;
  int64_t uploads = 0;
  for (const std::string& project : ProjectsOf(state, grant)) {
    // Who may see all needs no sums.
    if (grant.all_projects && stats.projects_size() >= state.options.page_size) break;
    v1::ProjectStats element;
    const ProjectUse use = state.admission.UseOf(project, absl::Now());
    element.set_name(FormatProject(project));
    *element.mutable_quotas() = ToProto(state.admission.QuotasOf(project));
    element.set_stored_bytes(store.ProjectBytes(project));
    element.set_open_upload_count(store.ProjectUploads(project));
    element.set_open_call_count(use.open_calls);
    element.set_compute_seconds(use.compute_seconds);
    bytes += element.stored_bytes();
    uploads += element.open_upload_count();
    if (!grant.all_projects) layers += store.ProjectLayers(project);
    if (stats.projects_size() < state.options.page_size) *stats.add_projects() = std::move(element);
  }
  if (grant.all_projects) return;
  stats.set_store_bytes(bytes);
  stats.set_layer_count(layers);
  stats.set_upload_count(uploads);
}

}  // namespace

AdminService::AdminService(ServerState& state, const WatchBoard& watches)
    : state_(state),
      watches_(watches),
      get_server_info_(state.metrics.AddMethod("AdminService", "GetServerInfo", RpcType::kUnary)),
      create_backup_(state.metrics.AddMethod("AdminService", "CreateBackup", RpcType::kUnary)),
      get_server_stats_(state.metrics.AddMethod("AdminService", "GetServerStats", RpcType::kUnary)),
      set_log_level_(state.metrics.AddMethod("AdminService", "SetLogLevel", RpcType::kUnary)) {
  const ServerOptions& options = state.options;
  info_.set_version(kVersion);
  info_.set_blas_core(BlasCoreName());
  info_.set_grpc_version(grpc::Version());
  info_.set_compute_thread_count(options.threads);
  info_.mutable_start_time()->set_seconds(std::chrono::duration_cast<std::chrono::seconds>(
                                              std::chrono::system_clock::now().time_since_epoch())
                                              .count());
  *info_.mutable_limits() = LimitsOf(options);
}

grpc::ServerUnaryReactor* AdminService::GetServerInfo(grpc::CallbackServerContext* context,
                                                      const v1::GetServerInfoRequest* request,
                                                      v1::GetServerInfoResponse* response) {
  return AnswerInline(state_, get_server_info_, context, *request, [&] {
    *response = info_;
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::CreateBackup(grpc::CallbackServerContext* context,
                                                     const v1::CreateBackupRequest* request,
                                                     v1::CreateBackupResponse* response) {
  RpcRecord record(state_, create_backup_, *context);
  const absl::Status admission = record.Admit(*request);
  if (!admission.ok()) {
    record.Close(admission);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(admission));
    return reactor;
  }
  return UnaryCall::Start(record, context, state_.ingest,
                          [this, request, response](std::stop_token stop, Awaited*) {
                            return Backup(state_, watches_, *request, std::move(stop), *response);
                          });
}

grpc::ServerUnaryReactor* AdminService::GetServerStats(grpc::CallbackServerContext* context,
                                                       const v1::GetServerStatsRequest* request,
                                                       v1::GetServerStatsResponse* response) {
  return AnswerInline(state_, get_server_stats_, context, *request, [&]() -> absl::Status {
    GRAMIAN_ASSIGN_OR_RETURN(const AccessControl::GrantPtr caller,
                             state_.access.Authenticate(*context));
    *response->mutable_read_time() = ToProto(absl::Now());
    *response->mutable_start_time() = info_.start_time();
    Fill(state_, *response);
    Fill(state_.engine.Stats(), *response);
    FillProjects(state_, *caller, *response);
    std::vector<WatchReading> watches = watches_.All();
    std::erase_if(watches, [&](const WatchReading& reading) {
      return !caller->Allows(reading.watch.project);
    });
    response->set_watch_count(static_cast<int64_t>(watches.size()));
    response->set_failed_watch_count(std::count_if(
        watches.begin(), watches.end(),
        [](const WatchReading& reading) { return reading.status == WatchStatus::kFailed; }));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::SetLogLevel(grpc::CallbackServerContext* context,
                                                    const v1::SetLogLevelRequest* request,
                                                    v1::SetLogLevelResponse* response) {
  return AnswerInline(state_, set_log_level_, context, *request,
                      [&] { return ChangeLogLevel(request->level(), *response); });
}

}  // namespace gramian
