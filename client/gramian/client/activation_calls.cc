// What Client asks the ActivationService.
#include <string>
#include <utility>
#include <vector>

#include "gramian/client/client.h"
#include "gramian/rpc/call.h"
#include "gramian/rpc/connections.h"
#include "gramian/rpc/convert.h"
#include "gramian/rpc/download.h"
#include "gramian/rpc/status.h"
#include "gramian/rpc/upload.h"

namespace gramian::client {
namespace {

using Stub = v1::ActivationService::Stub;

}  // namespace

absl::StatusOr<std::vector<NetworkInfo>> Client::ListNetworks(absl::string_view project,
                                                              const CallOptions& options) {
  v1::ListNetworksRequest request;
  request.set_parent(std::string(project));
  return FetchAll<NetworkInfo>(
      *connections_->activations, &Stub::ListNetworks, request, options, connections_->QueryTimes(),
      [](const v1::ListNetworksResponse& response) { return response.networks(); });
}

absl::StatusOr<std::vector<SnapshotInfo>> Client::ListSnapshots(absl::string_view network,
                                                                const CallOptions& options) {
  v1::ListSnapshotsRequest request;
  request.set_parent(std::string(network));
  return FetchAll<SnapshotInfo>(
      *connections_->activations, &Stub::ListSnapshots, request, options,
      connections_->QueryTimes(),
      [](const v1::ListSnapshotsResponse& response) { return response.snapshots(); });
}

absl::StatusOr<std::vector<LayerInfo>> Client::ListLayers(absl::string_view snapshot,
                                                          const CallOptions& options) {
  v1::ListLayersRequest request;
  request.set_parent(std::string(snapshot));
  return FetchAll<LayerInfo>(
      *connections_->activations, &Stub::ListLayers, request, options, connections_->QueryTimes(),
      [](const v1::ListLayersResponse& response) { return response.layers(); });
}

absl::StatusOr<LayerInfo> Client::GetLayer(absl::string_view layer, const CallOptions& options) {
  v1::GetLayerRequest request;
  request.set_name(std::string(layer));
  const auto response = Call(*connections_->activations, &Stub::GetLayer, request, options,
                             connections_->QueryTimes());
  if (!response.ok()) return response.status();
  return FromProto(response->layer());
}

absl::StatusOr<DeletedSnapshot> Client::DeleteSnapshot(absl::string_view snapshot,
                                                       const CallOptions& options) {
  v1::DeleteSnapshotRequest request;
  request.set_name(std::string(snapshot));
  const auto response = Call(*connections_->activations, &Stub::DeleteSnapshot, request, options,
                             connections_->OnceTimes());
  if (!response.ok()) return response.status();
  return DeletedSnapshot{response->layer_count(), response->size_bytes()};
}

absl::StatusOr<DeletedNetwork> Client::DeleteNetwork(absl::string_view network,
                                                     const CallOptions& options) {
  v1::DeleteNetworkRequest request;
  request.set_name(std::string(network));
  const auto response = Call(*connections_->activations, &Stub::DeleteNetwork, request, options,
                             connections_->OnceTimes());
  if (!response.ok()) return response.status();
  return DeletedNetwork{response->snapshot_count(), response->layer_count(),
                        response->size_bytes()};
}

absl::StatusOr<SnapshotInfo> Client::PinSnapshot(absl::string_view snapshot, bool pinned,
                                                 const CallOptions& options) {
  v1::PinSnapshotRequest request;
  request.set_name(std::string(snapshot));
  request.set_pinned(pinned);
  const auto response = Call(*connections_->activations, &Stub::PinSnapshot, request, options,
                             connections_->QueryTimes());
  if (!response.ok()) return response.status();
  return FromProto(response->snapshot());
}

absl::StatusOr<ActivationWriter> Client::OpenLayer(const LayerHeader& header,
                                                   const UploadOptions& options) {
  UploadOptions complete = options;
  if (complete.timeout == absl::ZeroDuration())
    complete.timeout = connections_->options.stream_timeout;
  auto upload = std::make_unique<ActivationWriter::Upload>(
      header, complete,
      UploadTarget{connections_->address, connections_->NextUpload(),
                   connections_->options.connect_timeout});
  if (absl::Status status = upload->Start(); !status.ok()) return status;
  return ActivationWriter(std::move(upload));
}

absl::StatusOr<std::vector<std::string>> Client::FindMissingLayers(
    absl::string_view snapshot, const std::vector<LayerCandidate>& candidates,
    const CallOptions& options) {
  v1::FindMissingLayersRequest request;
  request.set_parent(std::string(snapshot));
  for (const LayerCandidate& candidate : candidates) {
    v1::FindMissingLayersRequest::Candidate& layer = *request.add_layers();
    layer.set_module_path(candidate.module_path);
    layer.set_digest(candidate.digest);
  }
  const auto response = Call(*connections_->activations, &Stub::FindMissingLayers, request, options,
                             connections_->QueryTimes());
  if (!response.ok()) return response.status();
  return std::vector<std::string>(response->module_paths().begin(), response->module_paths().end());
}

absl::StatusOr<UploadInfo> Client::GetUpload(absl::string_view layer, absl::string_view upload_id,
                                             const CallOptions& options) {
  v1::GetUploadRequest request;
  request.set_name(std::string(layer));
  request.set_upload_id(std::string(upload_id));
  const auto response = Call(*connections_->activations, &Stub::GetUpload, request, options,
                             connections_->QueryTimes());
  if (!response.ok()) return response.status();
  return FromProto(response->upload());
}

absl::Status Client::AbortUpload(absl::string_view layer, absl::string_view upload_id,
                                 const CallOptions& options) {
  v1::AbortUploadRequest request;
  request.set_name(std::string(layer));
  request.set_upload_id(std::string(upload_id));
  return Call(*connections_->activations, &Stub::AbortUpload, request, options,
              connections_->OnceTimes())
      .status();
}

absl::StatusOr<LayerInfo> Client::DownloadLayer(absl::string_view layer, DownloadSink& sink,
                                                const CallOptions& options) {
  const absl::Duration timeout = options.timeout == absl::ZeroDuration()
                                     ? connections_->options.stream_timeout
                                     : options.timeout;
  return Download(std::string(layer), absl::Now() + timeout, options, connections_->NextUpload(),
                  sink)
      .Run();
}

absl::StatusOr<ProbeSetInfo> Client::CreateProbeSet(absl::string_view project,
                                                    const NewProbeSet& probe_set,
                                                    const CallOptions& options) {
  v1::CreateProbeSetRequest request;
  request.set_parent(std::string(project));
  request.set_probe_set_id(probe_set.id);
  request.set_input_count(probe_set.input_count);
  request.set_input_ids_digest(probe_set.input_ids_digest);
  for (const std::string& id : probe_set.input_ids) request.add_input_ids(id);
  const auto response = Call(*connections_->activations, &Stub::CreateProbeSet, request, options,
                             connections_->QueryTimes());
  if (!response.ok()) return response.status();
  return FromProto(response->probe_set());
}

absl::StatusOr<ProbeSetInfo> Client::GetProbeSet(absl::string_view probe_set,
                                                 const CallOptions& options) {
  v1::GetProbeSetRequest request;
  request.set_name(std::string(probe_set));
  const auto response = Call(*connections_->activations, &Stub::GetProbeSet, request, options,
                             connections_->QueryTimes());
  if (!response.ok()) return response.status();
  return FromProto(response->probe_set());
}

absl::StatusOr<std::vector<ProbeSetInfo>> Client::ListProbeSets(absl::string_view project,
                                                                const CallOptions& options) {
  v1::ListProbeSetsRequest request;
  request.set_parent(std::string(project));
  return FetchAll<ProbeSetInfo>(
      *connections_->activations, &Stub::ListProbeSets, request, options,
      connections_->QueryTimes(),
      [](const v1::ListProbeSetsResponse& response) { return response.probe_sets(); });
}

absl::Status Client::DeleteProbeSet(absl::string_view probe_set, const CallOptions& options) {
  v1::DeleteProbeSetRequest request;
  request.set_name(std::string(probe_set));
  return Call(*connections_->activations, &Stub::DeleteProbeSet, request, options,
              connections_->OnceTimes())
      .status();
}

}  // namespace gramian::client
