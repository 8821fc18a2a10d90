#include "server/activation_service.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "server/activation_answers.h"
#include "server/download_reactor.h"
#include "server/resource_name.h"
#include "server/status_details.h"
#include "server/unary_call.h"
#include "server/upload_reactor.h"

namespace gramian {
namespace {

constexpr char kService[] = "ActivationService";

// How often silent clients are looked for.
constexpr std::chrono::milliseconds kSweepInterval{250};

// Often enough that no upload outlives its limit by more than a quarter, and that retention is not
// noticed.
std::chrono::milliseconds MaintenanceInterval(const ServerOptions& options) {
  const int64_t seconds = std::min(options.upload_idle_seconds, int64_t{60});
  return std::chrono::milliseconds(seconds * 1000 / 4);
}

}  // namespace

ActivationService::ActivationService(ServerState& state)
    : state_(state),
      open_uploads_(state.options.max_uploads,
                    [&state](int64_t count) { state.metrics.SetOpenUploads(count); }),
      open_downloads_(state.options.max_uploads),
      upload_streams_(absl::Seconds(state.options.upload_idle_seconds), absl::Now()),
      upload_layer_(state.metrics.AddMethod(kService, "UploadLayer", RpcType::kBidiStream)),
      download_layer_(state.metrics.AddMethod(kService, "DownloadLayer", RpcType::kServerStream)),
      get_upload_(state.metrics.AddMethod(kService, "GetUpload", RpcType::kUnary)),
      abort_upload_(state.metrics.AddMethod(kService, "AbortUpload", RpcType::kUnary)),
      find_missing_layers_(state.metrics.AddMethod(kService, "FindMissingLayers", RpcType::kUnary)),
      get_layer_(state.metrics.AddMethod(kService, "GetLayer", RpcType::kUnary)),
      list_layers_(state.metrics.AddMethod(kService, "ListLayers", RpcType::kUnary)),
      list_networks_(state.metrics.AddMethod(kService, "ListNetworks", RpcType::kUnary)),
      list_snapshots_(state.metrics.AddMethod(kService, "ListSnapshots", RpcType::kUnary)),
      delete_snapshot_(state.metrics.AddMethod(kService, "DeleteSnapshot", RpcType::kUnary)),
      delete_network_(state.metrics.AddMethod(kService, "DeleteNetwork", RpcType::kUnary)),
      pin_snapshot_(state.metrics.AddMethod(kService, "PinSnapshot", RpcType::kUnary)),
      create_probe_set_(state.metrics.AddMethod(kService, "CreateProbeSet", RpcType::kUnary)),
      get_probe_set_(state.metrics.AddMethod(kService, "GetProbeSet", RpcType::kUnary)),
      list_probe_sets_(state.metrics.AddMethod(kService, "ListProbeSets", RpcType::kUnary)),
      delete_probe_set_(state.metrics.AddMethod(kService, "DeleteProbeSet", RpcType::kUnary)),
      sweep_(kSweepInterval, [this] { Sweep(); }),
      maintenance_(MaintenanceInterval(state.options), [this] { Maintain(); }) {}

void ActivationService::Sweep() {
  const auto now = std::chrono::steady_clock::now();
  open_uploads_.EndIdleSince(now - std::chrono::seconds(state_.options.upload_idle_seconds));
  open_downloads_.EndIdleSince(now - std::chrono::seconds(state_.options.stream_stall_seconds));
}

void ActivationService::Maintain() {
  ActivationStore& store = state_.engine.store();
  const int64_t expired = store.ExpireUploads(upload_streams_.ReleaseIdle(absl::Now()));
  if (expired > 0) spdlog::info("dropped {} uploads that nobody went on with", expired);
  const absl::StatusOr<int64_t> retired =
      store.ApplyRetention(absl::Now(), [this](const SnapshotKey& snapshot) {
        state_.audit.Write(
            {.who = "", .rpc = "retention", .resource = FormatSnapshot(snapshot), .reason = ""});
      });
  if (!retired.ok()) {
    spdlog::error("retention: {}", std::string(retired.status().message()));
  } else if (*retired > 0) {
    spdlog::info("retention deleted {} snapshots", *retired);
  }
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* ActivationService::AnswerNow(const MethodMetrics& method,
                                                       grpc::CallbackServerContext* context,
                                                       const Request* request, Response* response) {
  return AnswerInline(state_, method, context, *request,
                      [&] { return Answer(state_, *request, *response); });
}

grpc::ServerUnaryReactor* ActivationService::AnswerOnPool(const MethodMetrics& method,
                                                          grpc::CallbackServerContext* context,
                                                          const google::protobuf::Message& request,
                                                          std::function<absl::Status()> answer) {
  RpcRecord record(state_, method, *context);
  const absl::Status admission = record.Admit(request);
  if (!admission.ok()) {
    record.Close(admission);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(admission));
    return reactor;
  }
  return UnaryCall::Start(
      record, context, state_.ingest,
      [answer = std::move(answer)](std::stop_token, Awaited*) { return answer(); });
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ActivationService::UploadLayer(
    grpc::CallbackServerContext* context) {
  return new UploadReactor(state_, open_uploads_, upload_streams_, upload_layer_, context);
}

grpc::ServerWriteReactor<v1::DownloadLayerResponse>* ActivationService::DownloadLayer(
    grpc::CallbackServerContext* context, const v1::DownloadLayerRequest* request) {
  return new DownloadReactor(state_, open_downloads_, download_layer_, context, *request);
}

grpc::ServerUnaryReactor* ActivationService::GetUpload(grpc::CallbackServerContext* context,
                                                       const v1::GetUploadRequest* request,
                                                       v1::GetUploadResponse* response) {
  return AnswerOnPool(get_upload_, context, *request, [this, request, response] {
    return Answer(state_, upload_streams_, *request, *response);
  });
}

grpc::ServerUnaryReactor* ActivationService::AbortUpload(grpc::CallbackServerContext* context,
                                                         const v1::AbortUploadRequest* request,
                                                         v1::AbortUploadResponse* response) {
  return AnswerOnPool(abort_upload_, context, *request, [this, request, response] {
    return Answer(state_, upload_streams_, *request, *response);
  });
}

grpc::ServerUnaryReactor* ActivationService::FindMissingLayers(
    grpc::CallbackServerContext* context, const v1::FindMissingLayersRequest* request,
    v1::FindMissingLayersResponse* response) {
  return AnswerNow(find_missing_layers_, context, request, response);
}

grpc::ServerUnaryReactor* ActivationService::GetLayer(grpc::CallbackServerContext* context,
                                                      const v1::GetLayerRequest* request,
                                                      v1::GetLayerResponse* response) {
  return AnswerNow(get_layer_, context, request, response);
}

grpc::ServerUnaryReactor* ActivationService::ListLayers(grpc::CallbackServerContext* context,
                                                        const v1::ListLayersRequest* request,
                                                        v1::ListLayersResponse* response) {
  return AnswerNow(list_layers_, context, request, response);
}

grpc::ServerUnaryReactor* ActivationService::ListNetworks(grpc::CallbackServerContext* context,
                                                          const v1::ListNetworksRequest* request,
                                                          v1::ListNetworksResponse* response) {
  return AnswerNow(list_networks_, context, request, response);
}

grpc::ServerUnaryReactor* ActivationService::ListSnapshots(grpc::CallbackServerContext* context,
                                                           const v1::ListSnapshotsRequest* request,
                                                           v1::ListSnapshotsResponse* response) {
  return AnswerNow(list_snapshots_, context, request, response);
}

grpc::ServerUnaryReactor* ActivationService::DeleteSnapshot(
    grpc::CallbackServerContext* context, const v1::DeleteSnapshotRequest* request,
    v1::DeleteSnapshotResponse* response) {
  return AnswerOnPool(delete_snapshot_, context, *request,
                      [this, request, response] { return Answer(state_, *request, *response); });
}

grpc::ServerUnaryReactor* ActivationService::DeleteNetwork(grpc::CallbackServerContext* context,
                                                           const v1::DeleteNetworkRequest* request,
                                                           v1::DeleteNetworkResponse* response) {
  return AnswerOnPool(delete_network_, context, *request,
                      [this, request, response] { return Answer(state_, *request, *response); });
}

grpc::ServerUnaryReactor* ActivationService::PinSnapshot(grpc::CallbackServerContext* context,
                                                         const v1::PinSnapshotRequest* request,
                                                         v1::PinSnapshotResponse* response) {
  return AnswerOnPool(pin_snapshot_, context, *request,
                      [this, request, response] { return Answer(state_, *request, *response); });
}

grpc::ServerUnaryReactor* ActivationService::CreateProbeSet(
    grpc::CallbackServerContext* context, const v1::CreateProbeSetRequest* request,
    v1::CreateProbeSetResponse* response) {
  return AnswerOnPool(create_probe_set_, context, *request,
                      [this, request, response] { return Answer(state_, *request, *response); });
}

grpc::ServerUnaryReactor* ActivationService::GetProbeSet(grpc::CallbackServerContext* context,
                                                         const v1::GetProbeSetRequest* request,
                                                         v1::GetProbeSetResponse* response) {
  // Its ids may be megabytes.
  return AnswerOnPool(get_probe_set_, context, *request,
                      [this, request, response] { return Answer(state_, *request, *response); });
}

grpc::ServerUnaryReactor* ActivationService::ListProbeSets(grpc::CallbackServerContext* context,
                                                           const v1::ListProbeSetsRequest* request,
                                                           v1::ListProbeSetsResponse* response) {
  return AnswerNow(list_probe_sets_, context, request, response);
}

grpc::ServerUnaryReactor* ActivationService::DeleteProbeSet(
    grpc::CallbackServerContext* context, const v1::DeleteProbeSetRequest* request,
    v1::DeleteProbeSetResponse* response) {
  return AnswerOnPool(delete_probe_set_, context, *request,
                      [this, request, response] { return Answer(state_, *request, *response); });
}

}  // namespace gramian
