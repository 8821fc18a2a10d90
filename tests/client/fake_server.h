#ifndef GRAMIAN_TESTS_CLIENT_FAKE_SERVER_H_
#define GRAMIAN_TESTS_CLIENT_FAKE_SERVER_H_

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gramian/client/client.h"
#include "gramian/v1/activation_service.grpc.pb.h"
#include "gramian/v1/admin_service.grpc.pb.h"
#include "gramian/v1/similarity_service.grpc.pb.h"

namespace gramian::client {

using UploadStream = grpc::ServerReaderWriter<v1::UploadLayerResponse, v1::UploadLayerRequest>;
using DownloadStream = grpc::ServerWriter<v1::DownloadLayerResponse>;

// Services that answer as each test says; what a test does not set answers UNIMPLEMENTED.
class FakeActivations final : public v1::ActivationService::Service {
 public:
  std::function<grpc::Status(UploadStream&)> upload;
  std::function<grpc::Status(const v1::GetLayerRequest&, v1::GetLayerResponse&)> get_layer;
  std::function<grpc::Status(const v1::ListLayersRequest&, v1::ListLayersResponse&)> list_layers;
  std::function<grpc::Status(const v1::DeleteSnapshotRequest&)> delete_snapshot;
  std::function<grpc::Status(const v1::DownloadLayerRequest&, DownloadStream&)> download;
  std::function<grpc::Status(const v1::AbortUploadRequest&)> abort_upload;

 private:
  static grpc::Status Unset() { return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "not set"); }

  grpc::Status UploadLayer(grpc::ServerContext* /*context*/, UploadStream* stream) override {
    return upload ? upload(*stream) : Unset();
  }
  grpc::Status GetLayer(grpc::ServerContext* /*context*/, const v1::GetLayerRequest* request,
                        v1::GetLayerResponse* response) override {
    return get_layer ? get_layer(*request, *response) : Unset();
  }
  grpc::Status ListLayers(grpc::ServerContext* /*context*/, const v1::ListLayersRequest* request,
                          v1::ListLayersResponse* response) override {
    return list_layers ? list_layers(*request, *response) : Unset();
  }
  grpc::Status DownloadLayer(grpc::ServerContext* /*context*/,
                             const v1::DownloadLayerRequest* request,
                             DownloadStream* writer) override {
    return download ? download(*request, *writer) : Unset();
  }
  grpc::Status AbortUpload(grpc::ServerContext* /*context*/, const v1::AbortUploadRequest* request,
                           v1::AbortUploadResponse* /*response*/) override {
    return abort_upload ? abort_upload(*request) : Unset();
  }
  grpc::Status DeleteSnapshot(grpc::ServerContext* /*context*/,
                              const v1::DeleteSnapshotRequest* request,
                              v1::DeleteSnapshotResponse* /*response*/) override {
    return delete_snapshot ? delete_snapshot(*request) : Unset();
  }
};

class FakeSimilarity final : public v1::SimilarityService::Service {
 public:
  std::function<grpc::Status(grpc::ServerContext&,
                             grpc::ServerWriter<v1::CompareSnapshotsResponse>&)>
      compare;
  std::function<grpc::Status(grpc::ServerWriter<v1::GetOperatorResponse>&)> get_operator;

 private:
  grpc::Status CompareSnapshots(grpc::ServerContext* context,
                                const v1::CompareSnapshotsRequest* /*request*/,
                                grpc::ServerWriter<v1::CompareSnapshotsResponse>* writer) override {
    return compare(*context, *writer);
  }
  grpc::Status GetOperator(grpc::ServerContext* /*context*/,
                           const v1::GetOperatorRequest* /*request*/,
                           grpc::ServerWriter<v1::GetOperatorResponse>* writer) override {
    return get_operator(*writer);
  }
};

// A server on a port of its own, and a client of it.
class FakeServer {
 public:
  FakeServer() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&activations);
    builder.RegisterService(&similarity);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  ~FakeServer() {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  const std::string& address() const { return address_; }

  std::unique_ptr<Client> Connect(const ClientOptions& options = {}) const {
    return Client::Connect(address_, options).value();
  }

  FakeActivations activations;
  FakeSimilarity similarity;

 private:
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace gramian::client

#endif  // GRAMIAN_TESTS_CLIENT_FAKE_SERVER_H_
