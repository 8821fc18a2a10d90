#include "server/activation_answers.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/status_macros.h"
#include "server/activation_messages.h"
#include "server/convert.h"
#include "server/paging.h"
#include "server/resource_name.h"

namespace gramian {
namespace {

// A snapshot by its number: `last` is refused, so that nobody deletes one they have not seen.
absl::StatusOr<SnapshotKey> ToNumberedSnapshot(const std::string& text,
                                               const ServerOptions& options) {
  GRAMIAN_ASSIGN_OR_RETURN(ResourceName name,
                           ParseResourceName(text, ResourcePattern::kSnapshot, options.name_bytes));
  if (!name.step.has_value())
    return absl::InvalidArgumentError("this needs the number of the step, not 'last'");
  return SnapshotKey{std::move(name.project), std::move(name.network), *name.step};
}

}  // namespace

absl::Status Answer(ServerState& state, const v1::GetLayerRequest& request,
                    v1::GetLayerResponse& response) {
  GRAMIAN_ASSIGN_OR_RETURN(const LayerKey key,
                           ToLayerKey(request.name(), state.engine.store(), state.options));
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer layer, state.engine.store().GetLayer(key));
  *response.mutable_layer() = ToProto(layer);
  return absl::OkStatus();
}

absl::Status Answer(ServerState& state, const v1::ListLayersRequest& request,
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

absl::Status Answer(ServerState& state, const v1::ListNetworksRequest& request,
                    v1::ListNetworksResponse& response) {
  const ActivationStore& store = state.engine.store();
  GRAMIAN_ASSIGN_OR_RETURN(
      const ResourceName parent,
      ParseResourceName(request.parent(), ResourcePattern::kProject, state.options.name_bytes));
  const std::vector<std::string> networks = store.ListNetworks(parent.project);
  GRAMIAN_ASSIGN_OR_RETURN(Page page, FindPage(networks, request.parent(), request.page_size(),
                                               request.page_token(), state.options.page_size));
  for (size_t i = page.begin; i < page.end; ++i) {
    const std::vector<SnapshotSummary> snapshots = store.ListSnapshots(parent.project, networks[i]);
    if (snapshots.empty()) continue;  // Deleted a moment ago.
    v1::Network* network = response.add_networks();
    network->set_name(FormatNetwork(parent.project, networks[i]));
    network->set_display_name(networks[i]);
    network->set_snapshot_count(static_cast<int64_t>(snapshots.size()));
    network->set_last_step(snapshots.back().step);
  }
  response.set_next_page_token(std::move(page.next_token));
  return absl::OkStatus();
}

absl::Status Answer(ServerState& state, const v1::ListSnapshotsRequest& request,
                    v1::ListSnapshotsResponse& response) {
  const ActivationStore& store = state.engine.store();
  GRAMIAN_ASSIGN_OR_RETURN(
      const ResourceName parent,
      ParseResourceName(request.parent(), ResourcePattern::kNetwork, state.options.name_bytes));
  const std::vector<SnapshotSummary> snapshots =
      store.ListSnapshots(parent.project, parent.network);
  if (snapshots.empty()) {
    return absl::NotFoundError(absl::StrCat("network '", parent.network, "' of project '",
                                            parent.project, "' does not exist"));
  }
  std::vector<std::string> keys;
  for (const SnapshotSummary& snapshot : snapshots) keys.push_back(SortableNumber(snapshot.step));
  GRAMIAN_ASSIGN_OR_RETURN(Page page, FindPage(keys, request.parent(), request.page_size(),
                                               request.page_token(), state.options.page_size));
  for (size_t i = page.begin; i < page.end; ++i) {
    *response.add_snapshots() =
        ToProto({parent.project, parent.network, snapshots[i].step}, snapshots[i]);
  }
  response.set_next_page_token(std::move(page.next_token));
  return absl::OkStatus();
}

absl::Status Answer(ServerState& state, const v1::FindMissingLayersRequest& request,
                    v1::FindMissingLayersResponse& response) {
  GRAMIAN_ASSIGN_OR_RETURN(const SnapshotKey key,
                           ToNumberedSnapshot(request.parent(), state.options));
  if (request.layers_size() > state.options.max_layers) {
    return absl::InvalidArgumentError(absl::StrCat(request.layers_size(),
                                                   " layers are asked for, more than the limit of ",
                                                   state.options.max_layers));
  }
  std::map<std::string, std::string> digests;
  if (const auto layers = state.engine.store().ListLayers(key); layers.ok()) {
    for (const StoredLayer& layer : *layers) {
      if (!layer.damaged) digests.emplace(layer.description.key.layer, layer.sent_digest().ToHex());
    }
  }
  std::set<std::string> seen;
  for (const v1::FindMissingLayersRequest::Candidate& candidate : request.layers()) {
    const std::string& path = candidate.module_path();
    GRAMIAN_RETURN_IF_ERROR(CheckId(path, "module_path", state.options));
    GRAMIAN_RETURN_IF_ERROR(
        CheckDigest(candidate.digest(), absl::StrCat("the digest of '", path, "'")));
    if (!seen.insert(path).second)
      return absl::InvalidArgumentError(absl::StrCat("layer '", path, "' is asked for twice"));
    const auto found = digests.find(path);
    if (found == digests.end() || found->second != candidate.digest())
      response.add_module_paths(path);
  }
  return absl::OkStatus();
}

absl::Status Answer(ServerState& state, const v1::GetProbeSetRequest& request,
                    v1::GetProbeSetResponse& response) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const ResourceName name,
      ParseResourceName(request.name(), ResourcePattern::kProbeSet, state.options.name_bytes));
  GRAMIAN_ASSIGN_OR_RETURN(const ProbeSet probe_set,
                           state.engine.store().GetProbeSet(name.project, name.probe_set));
  *response.mutable_probe_set() = ToProto(probe_set, true);
  return absl::OkStatus();
}

absl::Status Answer(ServerState& state, const v1::ListProbeSetsRequest& request,
                    v1::ListProbeSetsResponse& response) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const ResourceName parent,
      ParseResourceName(request.parent(), ResourcePattern::kProject, state.options.name_bytes));
  const std::vector<ProbeSet> probe_sets = state.engine.store().ListProbeSets(parent.project);
  std::vector<std::string> keys;
  for (const ProbeSet& probe_set : probe_sets) keys.push_back(probe_set.id);
  // Not the tokens of ListNetworks, which has the same parent.
  GRAMIAN_ASSIGN_OR_RETURN(
      Page page, FindPage(keys, absl::StrCat(request.parent(), "/probeSets"), request.page_size(),
                          request.page_token(), state.options.page_size));
  for (size_t i = page.begin; i < page.end; ++i)
    *response.add_probe_sets() = ToProto(probe_sets[i], false);
  response.set_next_page_token(std::move(page.next_token));
  return absl::OkStatus();
}

absl::Status Answer(ServerState& state, const v1::DeleteSnapshotRequest& request,
                    v1::DeleteSnapshotResponse& response) {
  GRAMIAN_ASSIGN_OR_RETURN(const SnapshotKey key,
                           ToNumberedSnapshot(request.name(), state.options));
  GRAMIAN_ASSIGN_OR_RETURN(const SnapshotSummary deleted, state.engine.store().DeleteSnapshot(key));
  response.set_layer_count(deleted.layers);
  response.set_size_bytes(deleted.bytes);
  return absl::OkStatus();
}

absl::Status Answer(ServerState& state, const v1::DeleteNetworkRequest& request,
                    v1::DeleteNetworkResponse& response) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const ResourceName name,
      ParseResourceName(request.name(), ResourcePattern::kNetwork, state.options.name_bytes));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<SnapshotSummary> deleted,
                           state.engine.store().DeleteNetwork(name.project, name.network));
  int64_t layers = 0;
  int64_t bytes = 0;
  for (const SnapshotSummary& snapshot : deleted) {
    layers += snapshot.layers;
    bytes += snapshot.bytes;
  }
  response.set_snapshot_count(static_cast<int64_t>(deleted.size()));
  response.set_layer_count(layers);
  response.set_size_bytes(bytes);
  return absl::OkStatus();
}

absl::Status Answer(ServerState& state, const v1::PinSnapshotRequest& request,
                    v1::PinSnapshotResponse& response) {
  ActivationStore& store = state.engine.store();
  GRAMIAN_ASSIGN_OR_RETURN(const SnapshotKey key,
                           ToSnapshotKey(request.name(), store, state.options));
  GRAMIAN_ASSIGN_OR_RETURN(const SnapshotSummary snapshot,
                           store.PinSnapshot(key, request.pinned()));
  *response.mutable_snapshot() = ToProto(key, snapshot);
  return absl::OkStatus();
}

absl::Status Answer(ServerState& state, const v1::CreateProbeSetRequest& request,
                    v1::CreateProbeSetResponse& response) {
  GRAMIAN_ASSIGN_OR_RETURN(const ProbeSet asked, ToProbeSet(request, state.options));
  GRAMIAN_ASSIGN_OR_RETURN(const ProbeSet kept,
                           state.admission.CreateProbeSet(state.engine.store(), asked));
  *response.mutable_probe_set() = ToProto(kept, false);
  return absl::OkStatus();
}

absl::Status Answer(ServerState& state, const v1::DeleteProbeSetRequest& request,
                    v1::DeleteProbeSetResponse& /*response*/) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const ResourceName name,
      ParseResourceName(request.name(), ResourcePattern::kProbeSet, state.options.name_bytes));
  const absl::Status status = state.engine.store().DeleteProbeSet(name.project, name.probe_set);
  return absl::IsFailedPrecondition(status) ? WithReason(status, "PROBE_SET_IN_USE") : status;
}

absl::Status Answer(ServerState& state, const UploadStreams& streams,
                    const v1::GetUploadRequest& request, v1::GetUploadResponse& response) {
  GRAMIAN_ASSIGN_OR_RETURN(const LayerKey key,
                           ToUploadKey(request.name(), request.upload_id(), state.options));
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<Upload> upload,
                           state.engine.store().GetUpload(key, request.upload_id()));
  *response.mutable_upload() = ToProto(*upload);
  const UploadKey upload_key{key, request.upload_id()};
  response.mutable_upload()->set_stream_count(streams.StreamCount(upload_key));
  *response.mutable_upload()->mutable_expire_time() =
      ToProto(streams.ExpireTime(*upload, absl::Now()));
  return absl::OkStatus();
}

absl::Status Answer(ServerState& state, UploadStreams& streams,
                    const v1::AbortUploadRequest& request, v1::AbortUploadResponse& /*response*/) {
  GRAMIAN_ASSIGN_OR_RETURN(const LayerKey key,
                           ToUploadKey(request.name(), request.upload_id(), state.options));
  GRAMIAN_RETURN_IF_ERROR(state.engine.store().AbortUpload(key, request.upload_id()));
  const UploadKey upload_key{key, request.upload_id()};
  streams.Forget(upload_key);
  streams.Interrupt(upload_key,
                    WithReason(absl::AbortedError("the upload was aborted"), "UPLOAD_ABORTED"));
  return absl::OkStatus();
}

}  // namespace gramian
