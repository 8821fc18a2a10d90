// The service that answers how alike layers and networks are.
#ifndef GRAMIAN_SERVER_SIMILARITY_SERVICE_H_
#define GRAMIAN_SERVER_SIMILARITY_SERVICE_H_

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <stop_token>

#include "gramian/v1/similarity_service.grpc.pb.h"
#include "server/matrix_stream.h"
#include "server/open_streams.h"
#include "server/periodic_task.h"
#include "server/rpc.h"
#include "server/unary_call.h"

namespace gramian {

// Message in, engine, message out; knows the open streams to end those whose client does not read.
// See similarity_service.proto.
class SimilarityService final : public v1::SimilarityService::CallbackService {
 public:
  // `state` outlives the service.
  explicit SimilarityService(ServerState& state);

  grpc::ServerUnaryReactor* CompareLayers(grpc::CallbackServerContext* context,
                                          const v1::CompareLayersRequest* request,
                                          v1::CompareLayersResponse* response) override;
  grpc::ServerWriteReactor<v1::CompareSnapshotsResponse>* CompareSnapshots(
      grpc::CallbackServerContext* context, const v1::CompareSnapshotsRequest* request) override;
  grpc::ServerWriteReactor<v1::CompareNetworksResponse>* CompareNetworks(
      grpc::CallbackServerContext* context, const v1::CompareNetworksRequest* request) override;
  grpc::ServerWriteReactor<v1::GetOperatorResponse>* GetOperator(
      grpc::CallbackServerContext* context, const v1::GetOperatorRequest* request) override;
  grpc::ServerUnaryReactor* AnalyzePath(grpc::CallbackServerContext* context,
                                        const v1::AnalyzePathRequest* request,
                                        v1::AnalyzePathResponse* response) override;
  grpc::ServerUnaryReactor* CompareTangents(grpc::CallbackServerContext* context,
                                            const v1::CompareTangentsRequest* request,
                                            v1::CompareTangentsResponse* response) override;
  grpc::ServerUnaryReactor* AssessSimilarity(grpc::CallbackServerContext* context,
                                             const v1::AssessSimilarityRequest* request,
                                             v1::AssessSimilarityResponse* response) override;
  grpc::ServerUnaryReactor* MatchLayers(grpc::CallbackServerContext* context,
                                        const v1::MatchLayersRequest* request,
                                        v1::MatchLayersResponse* response) override;
  grpc::ServerUnaryReactor* SearchNetworks(grpc::CallbackServerContext* context,
                                           const v1::SearchNetworksRequest* request,
                                           v1::SearchNetworksResponse* response) override;
  grpc::ServerUnaryReactor* EmbedNetworks(grpc::CallbackServerContext* context,
                                          const v1::EmbedNetworksRequest* request,
                                          v1::EmbedNetworksResponse* response) override;

  grpc::ServerWriteReactor<v1::AlignLayersResponse>* AlignLayers(
      grpc::CallbackServerContext* context, const v1::AlignLayersRequest* request) override;
  grpc::ServerUnaryReactor* ListMeasures(grpc::CallbackServerContext* context,
                                         const v1::ListMeasuresRequest* request,
                                         v1::ListMeasuresResponse* response) override;

 private:
  using BatchAnswer = std::function<absl::Status(std::stop_token)>;
  // Admits `request` and runs `answer` for it among the long computations.
  grpc::ServerUnaryReactor* StartBatch(const MethodMetrics& method,
                                       grpc::CallbackServerContext* context,
                                       const google::protobuf::Message& request,
                                       BatchAnswer answer);
  template <typename Response>
  grpc::ServerWriteReactor<Response>* StartMatrix(const MethodMetrics& method,
                                                  grpc::CallbackServerContext* context,
                                                  const google::protobuf::Message& request,
                                                  MatrixStep step);

  ServerState& state_;
  const MethodMetrics& compare_layers_;
  const MethodMetrics& compare_snapshots_;
  const MethodMetrics& compare_networks_;
  const MethodMetrics& get_operator_;
  const MethodMetrics& analyze_path_;
  const MethodMetrics& compare_tangents_;
  const MethodMetrics& assess_similarity_;
  const MethodMetrics& match_layers_;
  const MethodMetrics& search_networks_;
  const MethodMetrics& embed_networks_;
  const MethodMetrics& align_layers_;
  const MethodMetrics& list_measures_;
  OpenStreams open_streams_;
  // Last: its destruction waits for a run that is under way.
  PeriodicTask sweep_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_SIMILARITY_SERVICE_H_
