#ifndef GRAMIAN_RPC_CONNECTIONS_H_
#define GRAMIAN_RPC_CONNECTIONS_H_

#include <grpcpp/channel.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gramian/client/client.h"
#include "gramian/rpc/call.h"
#include "gramian/rpc/channel.h"
#include "gramian/rpc/security.h"
#include "gramian/v1/activation_service.grpc.pb.h"
#include "gramian/v1/admin_service.grpc.pb.h"
#include "gramian/v1/similarity_service.grpc.pb.h"
#include "gramian/v1/watch.grpc.pb.h"

namespace gramian::client {

// The connections of a Client: one for queries, some for bulk data. Thread-safe.
struct Client::Connections {
  Connections(const std::string& server_address, const ClientOptions& client_options,
              const Security& security)
      : address(server_address),
        options(client_options),
        query(MakeQueryChannel(address, security)),
        activations(v1::ActivationService::NewStub(query)),
        similarity(v1::SimilarityService::NewStub(query)),
        admin(v1::AdminService::NewStub(query)),
        watches(v1::WatchService::NewStub(query)) {
    for (int i = 0; i < options.upload_connection_count; ++i)
      uploads.push_back(MakeUploadChannel(address, security));
  }

  // Of calls that answer with one message, with a stream or after long computing, and of those that
  // cannot be repeated.
  CallTimes QueryTimes() const { return {options.call_timeout, options.reconnect_timeout}; }
  CallTimes StreamTimes() const { return {options.stream_timeout, options.reconnect_timeout}; }
  CallTimes OnceTimes() const { return {options.call_timeout, absl::ZeroDuration()}; }

  // One of the connections for bulk data, in turn.
  const std::shared_ptr<grpc::Channel>& NextUpload() {
    return uploads[next_upload.fetch_add(1, std::memory_order_relaxed) % uploads.size()];
  }

  const std::string address;
  const ClientOptions options;
  const std::shared_ptr<grpc::Channel> query;
  const std::unique_ptr<v1::ActivationService::Stub> activations;
  const std::unique_ptr<v1::SimilarityService::Stub> similarity;
  const std::unique_ptr<v1::AdminService::Stub> admin;
  const std::unique_ptr<v1::WatchService::Stub> watches;
  std::vector<std::shared_ptr<grpc::Channel>> uploads;  // constant after construction
  std::atomic<uint32_t> next_upload{0};
};

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_CONNECTIONS_H_
