// The service that takes activations in and lists them.
#ifndef GRAMIAN_SERVER_ACTIVATION_SERVICE_H_
#define GRAMIAN_SERVER_ACTIVATION_SERVICE_H_

#include <grpcpp/support/server_callback.h>

#include "gramian/v1/activation_service.grpc.pb.h"
#include "server/open_uploads.h"
#include "server/rpc.h"

namespace gramian {

namespace internal {

// The callback service, with messages of uploads left as bytes.
using RawUploadService = v1::ActivationService::WithRawCallbackMethod_UploadLayer<
    v1::ActivationService::WithCallbackMethod_GetLayer<
        v1::ActivationService::WithCallbackMethod_ListLayers<
            v1::ActivationService::WithCallbackMethod_ListNetworks<
                v1::ActivationService::WithCallbackMethod_ListSnapshots<
                    v1::ActivationService::WithCallbackMethod_DeleteSnapshot<
                        v1::ActivationService::Service>>>>>>;

}  // namespace internal

// Stateless but for the list of open uploads; everything else is behind the engine. See
// activation_service.proto.
class ActivationService final : public internal::RawUploadService {
 public:
  // `state` outlives the service.
  explicit ActivationService(ServerState& state);

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* UploadLayer(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* GetLayer(grpc::CallbackServerContext* context,
                                     const v1::GetLayerRequest* request,
                                     v1::GetLayerResponse* response) override;
  grpc::ServerUnaryReactor* ListLayers(grpc::CallbackServerContext* context,
                                       const v1::ListLayersRequest* request,
                                       v1::ListLayersResponse* response) override;
  grpc::ServerUnaryReactor* ListNetworks(grpc::CallbackServerContext* context,
                                         const v1::ListNetworksRequest* request,
                                         v1::ListNetworksResponse* response) override;
  grpc::ServerUnaryReactor* ListSnapshots(grpc::CallbackServerContext* context,
                                          const v1::ListSnapshotsRequest* request,
                                          v1::ListSnapshotsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteSnapshot(grpc::CallbackServerContext* context,
                                           const v1::DeleteSnapshotRequest* request,
                                           v1::DeleteSnapshotResponse* response) override;

 private:
  ServerState& state_;
  OpenUploads open_uploads_;
  const MethodMetrics& upload_layer_;
  const MethodMetrics& get_layer_;
  const MethodMetrics& list_layers_;
  const MethodMetrics& list_networks_;
  const MethodMetrics& list_snapshots_;
  const MethodMetrics& delete_snapshot_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_ACTIVATION_SERVICE_H_
