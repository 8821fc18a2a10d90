#ifndef GRAMIAN_RPC_DOWNLOAD_H_
#define GRAMIAN_RPC_DOWNLOAD_H_

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gramian/client/client.h"
#include "gramian/client/digest.h"
#include "gramian/client/download_sink.h"
#include "gramian/v1/activation_service.grpc.pb.h"

namespace gramian::client {

// The download of one layer, over as many attempts as it takes: each goes on with the byte where
// the one before broke off.
class Download {
 public:
  // `deadline` is that of all attempts together.
  Download(const std::string& layer, absl::Time deadline, const CallOptions& options,
           const std::shared_ptr<grpc::Channel>& channel, DownloadSink& sink);

  // Once. As Client::DownloadLayer.
  absl::StatusOr<LayerInfo> Run();

 private:
  // One attempt: the status of the call, or `problem_` if the client gave it up.
  absl::Status Attempt();
  absl::Status Open(const v1::Layer& proto);
  absl::Status Take(const v1::DownloadChunk& chunk);
  absl::Status Verify() const;

  const absl::Time deadline_;
  const CallOptions& options_;
  const std::unique_ptr<v1::ActivationService::Stub> stub_;
  DownloadSink& sink_;

  std::string name_;  // of the layer; once it is open without aliases
  std::optional<LayerInfo> layer_;
  std::optional<LayerDigest> digest_;
  int64_t received_bytes_ = 0;
  absl::Status problem_;  // found on this side; final
};

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_DOWNLOAD_H_
