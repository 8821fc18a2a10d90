// One download stream.
#ifndef GRAMIAN_SERVER_DOWNLOAD_REACTOR_H_
#define GRAMIAN_SERVER_DOWNLOAD_REACTOR_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "gramian/base/mutex.h"
#include "gramian/representation/representation.h"
#include "gramian/v1/activation_service.pb.h"
#include "server/open_streams.h"
#include "server/rpc.h"

namespace gramian {

// Sends a layer, then its bytes. A message is made on the ingest pool, which may read the disk, and
// the next one only when gRPC has taken it: a slow client holds one chunk and no thread, and loses
// its stream when it reads nothing for options.stream_stall_seconds. Deletes itself.
class DownloadReactor final : public grpc::ServerWriteReactor<v1::DownloadLayerResponse>,
                              public OpenStream {
 public:
  DownloadReactor(ServerState& state, OpenStreams& open_streams, const MethodMetrics& method,
                  grpc::CallbackServerContext* context, const v1::DownloadLayerRequest& request);

  void OnWriteDone(bool ok) override;
  void OnDone() override;

  void EndIfIdleSince(std::chrono::steady_clock::time_point time) override;

 private:
  ~DownloadReactor() override = default;

  void RunOnPool(void (DownloadReactor::*work)());
  // The first message, and each later one.
  void SendLayer();
  void SendChunk();
  absl::Status Open();
  // Hands response_ to gRPC. The caller does not touch this object any more.
  void Write();
  // The last touch of this object by its caller.
  void End(absl::Status status);

  ServerState& state_;
  OpenStreams& open_streams_;
  grpc::CallbackServerContext* const context_;
  const v1::DownloadLayerRequest request_;
  RpcRecord record_;
  std::optional<std::string> place_of_;  // the project whose place it has

  std::shared_ptr<const Representation> content_;
  int64_t sent_bytes_ = 0;  // of the matrix, with what was before request_.begin()
  v1::DownloadLayerResponse response_;

  Mutex mutex_;
  bool writing_ GRAMIAN_GUARDED_BY(mutex_) = false;
  bool stalled_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point writing_since_ GRAMIAN_GUARDED_BY(mutex_);
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_DOWNLOAD_REACTOR_H_
