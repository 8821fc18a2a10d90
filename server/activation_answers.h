// What the unary methods of the activation service answer.
#ifndef GRAMIAN_SERVER_ACTIVATION_ANSWERS_H_
#define GRAMIAN_SERVER_ACTIVATION_ANSWERS_H_

#include "absl/status/status.h"
#include "gramian/v1/activation_service.pb.h"
#include "server/rpc.h"
#include "server/upload_streams.h"

namespace gramian {

// Each fills `response`, or returns the error that activation_service.proto says. These read
// metadata, in microseconds.
absl::Status Answer(ServerState& state, const v1::GetLayerRequest& request,
                    v1::GetLayerResponse& response);
absl::Status Answer(ServerState& state, const v1::ListLayersRequest& request,
                    v1::ListLayersResponse& response);
absl::Status Answer(ServerState& state, const v1::ListNetworksRequest& request,
                    v1::ListNetworksResponse& response);
absl::Status Answer(ServerState& state, const v1::ListSnapshotsRequest& request,
                    v1::ListSnapshotsResponse& response);
absl::Status Answer(ServerState& state, const v1::FindMissingLayersRequest& request,
                    v1::FindMissingLayersResponse& response);
absl::Status Answer(ServerState& state, const v1::ListProbeSetsRequest& request,
                    v1::ListProbeSetsResponse& response);

// These change something, copy much or wait for an upload that is being written: not for network
// threads.
absl::Status Answer(ServerState& state, const v1::GetProbeSetRequest& request,
                    v1::GetProbeSetResponse& response);
absl::Status Answer(ServerState& state, const v1::DeleteSnapshotRequest& request,
                    v1::DeleteSnapshotResponse& response);
absl::Status Answer(ServerState& state, const v1::DeleteNetworkRequest& request,
                    v1::DeleteNetworkResponse& response);
absl::Status Answer(ServerState& state, const v1::PinSnapshotRequest& request,
                    v1::PinSnapshotResponse& response);
absl::Status Answer(ServerState& state, const v1::CreateProbeSetRequest& request,
                    v1::CreateProbeSetResponse& response);
absl::Status Answer(ServerState& state, const v1::DeleteProbeSetRequest& request,
                    v1::DeleteProbeSetResponse& response);
absl::Status Answer(ServerState& state, const UploadStreams& streams,
                    const v1::GetUploadRequest& request, v1::GetUploadResponse& response);
absl::Status Answer(ServerState& state, UploadStreams& streams,
                    const v1::AbortUploadRequest& request, v1::AbortUploadResponse& response);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_ACTIVATION_ANSWERS_H_
