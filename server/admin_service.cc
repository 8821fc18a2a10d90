#include "server/admin_service.h"

#include <grpcpp/grpcpp.h>

#include "gramian/base/blas.h"
#include "server/unary_call.h"
#include "server/version.h"

namespace gramian {
namespace {

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
  return limits;
}

}  // namespace

AdminService::AdminService(ServerState& state)
    : state_(state),
      get_server_info_(state.metrics.AddMethod("AdminService", "GetServerInfo", RpcType::kUnary)) {
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

}  // namespace gramian
