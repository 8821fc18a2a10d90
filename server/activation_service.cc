#include "server/activation_service.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "server/convert.h"
#include "server/paging.h"
#include "server/resource_name.h"
#include "server/unary_call.h"
#include "server/upload_reactor.h"

namespace gramian {
namespace {

constexpr char kService[] = "ActivationService";

absl::Status FillLayers(ServerState& state, const v1::ListLayersRequest& request,
                        v1::ListLayersResponse& response) {
  const ActivationStore& store = state.engine.store();
  GRAMIAN_ASSIGN_OR_RETURN(const SnapshotKey key,
                           ToSnapshotKey(request.parent(), store, state.options));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> layers, store.ListLayers(key));
  std::vector<std::string> keys;
  for (const StoredLayer& layer : layers) {
    keys.push_back(
        absl::StrCat(SortableNumber(layer.description.ordinal), layer.description.key.layer));
  }
  GRAMIAN_ASSIGN_OR_RETURN(Page page, FindPage(keys, request.parent(), request.page_size(),
                                               request.page_token(), state.options.page_size));
  for (size_t i = page.begin; i < page.end; ++i) *response.add_layers() = ToProto(layers[i]);
  response.set_next_page_token(std::move(page.next_token));
  return absl::OkStatus();
}

absl::Status FillNetworks(ServerState& state, const v1::ListNetworksRequest& request,
                          v1::ListNetworksResponse& response) {
  const ActivationStore& store = state.engine.store();
  GRAMIAN_ASSIGN_OR_RETURN(
      const ResourceName parent,
      ParseResourceName(request.parent(), ResourcePattern::kProject, state.options.name_bytes));
  const std::vector<std::string> networks = store.ListNetworks(parent.project);
  GRAMIAN_ASSIGN_OR_RETURN(Page page, FindPage(networks, request.parent(), request.page_size(),
                                               request.page_token(), state.options.page_size));
  for (size_t i = page.begin; i < page.end; ++i) {
    const std::vector<int64_t> steps = store.ListSteps(parent.project, networks[i]);
    if (steps.empty()) continue;  // Deleted a moment ago.
    v1::Network* network = response.add_networks();
    network->set_name(FormatNetwork(parent.project, networks[i]));
    network->set_display_name(networks[i]);
    network->set_snapshot_count(static_cast<int64_t>(steps.size()));
    network->set_last_step(steps.back());
  }
  response.set_next_page_token(std::move(page.next_token));
  return absl::OkStatus();
}

absl::Status FillSnapshots(ServerState& state, const v1::ListSnapshotsRequest& request,
                           v1::ListSnapshotsResponse& response) {
  const ActivationStore& store = state.engine.store();
  GRAMIAN_ASSIGN_OR_RETURN(
      const ResourceName parent,
      ParseResourceName(request.parent(), ResourcePattern::kNetwork, state.options.name_bytes));
  const std::vector<int64_t> steps = store.ListSteps(parent.project, parent.network);
  if (steps.empty()) {
    return absl::NotFoundError(absl::StrCat("network '", parent.network, "' of project '",
                                            parent.project, "' does not exist"));
  }
  std::vector<std::string> keys;
  for (const int64_t step : steps) keys.push_back(SortableNumber(step));
  GRAMIAN_ASSIGN_OR_RETURN(Page page, FindPage(keys, request.parent(), request.page_size(),
                                               request.page_token(), state.options.page_size));
  for (size_t i = page.begin; i < page.end; ++i) {
    const SnapshotKey key{parent.project, parent.network, steps[i]};
    const absl::StatusOr<std::vector<StoredLayer>> layers = store.ListLayers(key);
    if (!layers.ok()) continue;  // Deleted a moment ago.
    v1::Snapshot* snapshot = response.add_snapshots();
    snapshot->set_name(FormatSnapshot(key));
    snapshot->set_step(steps[i]);
    snapshot->set_layer_count(static_cast<int64_t>(layers->size()));
    int64_t bytes = 0;
    for (const StoredLayer& layer : *layers) bytes += layer.representation->size_bytes();
    snapshot->set_size_bytes(bytes);
  }
  response.set_next_page_token(std::move(page.next_token));
  return absl::OkStatus();
}

absl::Status Delete(ServerState& state, const v1::DeleteSnapshotRequest& request,
                    v1::DeleteSnapshotResponse& response) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const ResourceName name,
      ParseResourceName(request.name(), ResourcePattern::kSnapshot, state.options.name_bytes));
  if (!name.step.has_value()) {
    return absl::InvalidArgumentError("a deletion needs the number of the step, not 'last'");
  }
  const SnapshotKey key{name.project, name.network, *name.step};
  ActivationStore& store = state.engine.store();
  // The layers are held until after the deletion, so that their memory is freed outside the store's
  // lock.
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> layers, store.ListLayers(key));
  GRAMIAN_RETURN_IF_ERROR(store.DeleteSnapshot(key));
  int64_t bytes = 0;
  for (const StoredLayer& layer : layers) bytes += layer.representation->size_bytes();
  response.set_layer_count(static_cast<int64_t>(layers.size()));
  response.set_size_bytes(bytes);
  return absl::OkStatus();
}

}  // namespace

ActivationService::ActivationService(ServerState& state)
    : state_(state),
      open_uploads_(state.options.max_uploads,
                    std::chrono::seconds(state.options.upload_idle_seconds), state.metrics),
      upload_layer_(state.metrics.AddMethod(kService, "UploadLayer", RpcType::kBidiStream)),
      get_layer_(state.metrics.AddMethod(kService, "GetLayer", RpcType::kUnary)),
      list_layers_(state.metrics.AddMethod(kService, "ListLayers", RpcType::kUnary)),
      list_networks_(state.metrics.AddMethod(kService, "ListNetworks", RpcType::kUnary)),
      list_snapshots_(state.metrics.AddMethod(kService, "ListSnapshots", RpcType::kUnary)),
      delete_snapshot_(state.metrics.AddMethod(kService, "DeleteSnapshot", RpcType::kUnary)) {}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ActivationService::UploadLayer(
    grpc::CallbackServerContext* context) {
  return new UploadReactor(state_, open_uploads_, upload_layer_, context);
}

grpc::ServerUnaryReactor* ActivationService::GetLayer(grpc::CallbackServerContext* context,
                                                      const v1::GetLayerRequest* request,
                                                      v1::GetLayerResponse* response) {
  return AnswerInline(state_, get_layer_, context, [&]() -> absl::Status {
    GRAMIAN_ASSIGN_OR_RETURN(const LayerKey key,
                             ToLayerKey(request->name(), state_.engine.store(), state_.options));
    GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer, state_.engine.store().GetLayer(key));
    *response->mutable_layer() = ToProto(layer);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ActivationService::ListLayers(grpc::CallbackServerContext* context,
                                                        const v1::ListLayersRequest* request,
                                                        v1::ListLayersResponse* response) {
  return AnswerInline(state_, list_layers_, context,
                      [&] { return FillLayers(state_, *request, *response); });
}

grpc::ServerUnaryReactor* ActivationService::ListNetworks(grpc::CallbackServerContext* context,
                                                          const v1::ListNetworksRequest* request,
                                                          v1::ListNetworksResponse* response) {
  return AnswerInline(state_, list_networks_, context,
                      [&] { return FillNetworks(state_, *request, *response); });
}

grpc::ServerUnaryReactor* ActivationService::ListSnapshots(grpc::CallbackServerContext* context,
                                                           const v1::ListSnapshotsRequest* request,
                                                           v1::ListSnapshotsResponse* response) {
  return AnswerInline(state_, list_snapshots_, context,
                      [&] { return FillSnapshots(state_, *request, *response); });
}

grpc::ServerUnaryReactor* ActivationService::DeleteSnapshot(
    grpc::CallbackServerContext* context, const v1::DeleteSnapshotRequest* request,
    v1::DeleteSnapshotResponse* response) {
  // Freeing gigabytes takes milliseconds: not on a network thread.
  return UnaryCall::Start(
      RpcRecord(state_, delete_snapshot_), context, state_.ingest,
      [this, request, response](std::stop_token) { return Delete(state_, *request, *response); });
}

}  // namespace gramian
