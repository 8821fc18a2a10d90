// One upload stream.
#ifndef GRAMIAN_SERVER_UPLOAD_REACTOR_H_
#define GRAMIAN_SERVER_UPLOAD_REACTOR_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "gramian/base/mutex.h"
#include "gramian/representation/representation_builder.h"
#include "gramian/v1/activation_service.pb.h"
#include "server/convert.h"
#include "server/open_uploads.h"
#include "server/rpc.h"
#include "server/upload_message.h"

namespace gramian {

// Reads one header, then chunks, then commits. Messages are taken as bytes: a chunk goes from
// gRPC's buffers straight to its place. Deletes itself.
//
// The next message is read only when the last one has been dealt with, so the stream's window is
// the back-pressure. On the network threads a chunk costs its checksum and one copy into place;
// checking for non-finite values, the digest and the commit run on the ingest pool. The bytes are
// reserved before the first chunk is read.
//
// gRPC calls OnReadDone one at a time; OnWriteDone, the sweeper's EndIfIdleSince and the commit
// come from other threads. What they share is guarded by mutex_, the rest belongs to the reading
// side, and to the commit once reading is over.
class UploadReactor final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                            public OpenUpload {
 public:
  UploadReactor(ServerState& state, OpenUploads& open_uploads, const MethodMetrics& method,
                grpc::CallbackServerContext* context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override;

  void EndIfIdleSince(std::chrono::steady_clock::time_point time) override;

 private:
  enum class Phase {
    kReading,     // waits for the client
    kHandling,    // deals with a message
    kCommitting,  // the ingest pool has it
    kEnding,      // the final status is known
  };

  ~UploadReactor() override = default;

  // Waits for the next message; false if a drain has cut the stream off.
  bool ReadNext();
  // OK, or what ends the stream.
  absl::Status HandleMessage();
  absl::Status HandleHeader(const v1::UploadHeader& header);
  absl::Status HandleChunk(const ChunkView& chunk);
  // Whether content with the digest the client announced is there already; then the layer is
  // committed with it and `present_` set. ALREADY_EXISTS if the layer may not be described anew.
  absl::StatusOr<bool> CommitIfPresent();
  void BeginCommit();
  absl::Status Commit(v1::Layer& committed);

  // Sends `response` unless one is being sent; then progress is dropped, which the next one makes
  // up for.
  void TrySend(const v1::UploadLayerResponse& response);
  // Ends the stream, with `committed` before the status if it is OK. The caller does not touch this
  // object any more unless it is inside a reaction.
  void End(absl::Status status, const v1::Layer* committed = nullptr);
  // Ends the stream with DRAINING if it waits for its client.
  void EndIfReading();
  // Sends what End left.
  void SendEnd();
  // `status`, saying which layer it is about.
  absl::Status Named(const absl::Status& status) const;

  ServerState& state_;
  OpenUploads& open_uploads_;
  grpc::CallbackServerContext* const context_;
  RpcRecord record_;

  grpc::ByteBuffer request_;
  std::optional<UploadPlan> plan_;
  std::optional<RepresentationBuilder> builder_;
  bool has_place_ = false;
  int64_t reserved_bytes_ = 0;
  int64_t reported_bytes_ = 0;
  std::optional<v1::Layer> present_;  // answered without reading a byte

  Mutex mutex_;
  Phase phase_ GRAMIAN_GUARDED_BY(mutex_) = Phase::kReading;
  bool writing_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point reading_since_ GRAMIAN_GUARDED_BY(mutex_);
  grpc::ByteBuffer response_;        // Being written; belongs to whoever set writing_.
  grpc::ByteBuffer final_response_;  // Set by End, once.
  absl::Status final_status_;        // Set by End, once.

  // Last: its destruction waits for a call of it that is under way.
  std::optional<std::stop_callback<std::function<void()>>> on_cut_off_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_UPLOAD_REACTOR_H_
