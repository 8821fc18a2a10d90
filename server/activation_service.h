// The service that takes activations in, lists them and gives them back.
#ifndef GRAMIAN_SERVER_ACTIVATION_SERVICE_H_
#define GRAMIAN_SERVER_ACTIVATION_SERVICE_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/server_callback.h>

#include <functional>

#include "absl/status/status.h"
#include "gramian/v1/activation_service.grpc.pb.h"
#include "server/open_streams.h"
#include "server/periodic_task.h"
#include "server/rpc.h"
#include "server/upload_streams.h"

namespace gramian {

namespace internal {

// The callback service, with messages of uploads left as bytes.
using RawUploadService = v1::ActivationService::WithRawCallbackMethod_UploadLayer<
    v1::ActivationService::WithCallbackMethod_GetUpload<
        v1::ActivationService::WithCallbackMethod_AbortUpload<
            v1::ActivationService::WithCallbackMethod_FindMissingLayers<
                v1::ActivationService::WithCallbackMethod_GetLayer<
                    v1::ActivationService::WithCallbackMethod_ListLayers<
                        v1::ActivationService::WithCallbackMethod_ListNetworks<
                            v1::ActivationService::WithCallbackMethod_ListSnapshots<
                                v1::ActivationService::WithCallbackMethod_DeleteSnapshot<
                                    v1::ActivationService::WithCallbackMethod_DeleteNetwork<
                                        v1::ActivationService::WithCallbackMethod_PinSnapshot<
                                            v1::ActivationService::WithCallbackMethod_CreateProbeSet<
                                                v1::ActivationService::WithCallbackMethod_GetProbeSet<
                                                    v1::ActivationService::WithCallbackMethod_ListProbeSets<
                                                        v1::ActivationService::
                                                            WithCallbackMethod_DeleteProbeSet<
                                                                v1::ActivationService::
                                                                    WithCallbackMethod_DownloadLayer<
                                                                        v1::ActivationService::
                                                                            Service>>>>>>>>>>>>>>>>;

}  // namespace internal

// Knows the open streams; everything else is behind the engine. Cares for the store: drops uploads
// that their clients left alone and deletes what is not to be retained. See
// activation_service.proto.
class ActivationService final : public internal::RawUploadService {
 public:
  // `state` outlives the service.
  explicit ActivationService(ServerState& state);

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* UploadLayer(
      grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<v1::DownloadLayerResponse>* DownloadLayer(
      grpc::CallbackServerContext* context, const v1::DownloadLayerRequest* request) override;
  grpc::ServerUnaryReactor* GetUpload(grpc::CallbackServerContext* context,
                                      const v1::GetUploadRequest* request,
                                      v1::GetUploadResponse* response) override;
  grpc::ServerUnaryReactor* AbortUpload(grpc::CallbackServerContext* context,
                                        const v1::AbortUploadRequest* request,
                                        v1::AbortUploadResponse* response) override;
  grpc::ServerUnaryReactor* FindMissingLayers(grpc::CallbackServerContext* context,
                                              const v1::FindMissingLayersRequest* request,
                                              v1::FindMissingLayersResponse* response) override;
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
  grpc::ServerUnaryReactor* DeleteNetwork(grpc::CallbackServerContext* context,
                                          const v1::DeleteNetworkRequest* request,
                                          v1::DeleteNetworkResponse* response) override;
  grpc::ServerUnaryReactor* PinSnapshot(grpc::CallbackServerContext* context,
                                        const v1::PinSnapshotRequest* request,
                                        v1::PinSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* CreateProbeSet(grpc::CallbackServerContext* context,
                                           const v1::CreateProbeSetRequest* request,
                                           v1::CreateProbeSetResponse* response) override;
  grpc::ServerUnaryReactor* GetProbeSet(grpc::CallbackServerContext* context,
                                        const v1::GetProbeSetRequest* request,
                                        v1::GetProbeSetResponse* response) override;
  grpc::ServerUnaryReactor* ListProbeSets(grpc::CallbackServerContext* context,
                                          const v1::ListProbeSetsRequest* request,
                                          v1::ListProbeSetsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteProbeSet(grpc::CallbackServerContext* context,
                                           const v1::DeleteProbeSetRequest* request,
                                           v1::DeleteProbeSetResponse* response) override;

 private:
  // Reads metadata, on the network thread.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* AnswerNow(const MethodMetrics& method,
                                      grpc::CallbackServerContext* context, const Request* request,
                                      Response* response);
  // Changes something, on the ingest pool.
  grpc::ServerUnaryReactor* AnswerOnPool(const MethodMetrics& method,
                                         grpc::CallbackServerContext* context,
                                         const google::protobuf::Message& request,
                                         std::function<absl::Status()> answer);
  // Ends streams whose clients are silent; what takes longer.
  void Sweep();
  void Maintain();

  ServerState& state_;
  OpenStreams open_uploads_;
  OpenStreams open_downloads_;
  UploadStreams upload_streams_;
  const MethodMetrics& upload_layer_;
  const MethodMetrics& download_layer_;
  const MethodMetrics& get_upload_;
  const MethodMetrics& abort_upload_;
  const MethodMetrics& find_missing_layers_;
  const MethodMetrics& get_layer_;
  const MethodMetrics& list_layers_;
  const MethodMetrics& list_networks_;
  const MethodMetrics& list_snapshots_;
  const MethodMetrics& delete_snapshot_;
  const MethodMetrics& delete_network_;
  const MethodMetrics& pin_snapshot_;
  const MethodMetrics& create_probe_set_;
  const MethodMetrics& get_probe_set_;
  const MethodMetrics& list_probe_sets_;
  const MethodMetrics& delete_probe_set_;
  // Last: their destruction waits for a run that is under way.
  PeriodicTask sweep_;
  PeriodicTask maintenance_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_ACTIVATION_SERVICE_H_
