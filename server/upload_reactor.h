// One upload stream.
#ifndef GRAMIAN_SERVER_UPLOAD_REACTOR_H_
#define GRAMIAN_SERVER_UPLOAD_REACTOR_H_

#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gramian/base/mutex.h"
#include "gramian/store/upload.h"
#include "gramian/v1/activation_service.pb.h"
#include "server/open_streams.h"
#include "server/rpc.h"
#include "server/upload_message.h"
#include "server/upload_streams.h"

namespace gramian {

// Reads one header, then chunks; then the upload is committed, or left to other streams. Messages
// are taken as bytes: a chunk goes from gRPC's buffers straight to its place. Deletes itself.
//
// The next message is read only when the last one has been dealt with, so the stream's window is
// the back-pressure. With a data directory everything runs on the ingest pool; without one a chunk,
// which costs its checksum and one copy, is dealt with on the network thread that read it, and only
// the commit runs on the pool. The bytes are reserved before the first chunk is read.
//
// Before a project has sent more than its bytes of a second, its streams read on at once; after
// that each waits, without a thread, until what it sent would have come at that rate.
//
// A stream that ends early leaves its upload to the next one, all of it persisted. Only an upload
// whose id the server chose is dropped when its last stream fails: nobody else knows it.
//
// At any time one thread deals with the stream: the one that left Phase::kReading. Read results,
// write results and interruptions come from other threads; what they share is guarded by mutex_.
class UploadReactor final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                            public OpenStream,
                            public UploadStream {
 public:
  UploadReactor(ServerState& state, OpenStreams& open_streams, UploadStreams& upload_streams,
                const MethodMetrics& method, grpc::CallbackServerContext* context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void EndIfIdleSince(std::chrono::steady_clock::time_point time) override;
  void Interrupt(const absl::Status& status) override;

 private:
  enum class Phase {
    kReading,   // waits for the client
    kHandling,  // a thread deals with a message, the end of the stream or an interruption
    kEnding,    // the final status is known
  };

  ~UploadReactor() override = default;

  // Runs `work` on the ingest pool; it reports its own failures.
  void RunOnPool(std::function<void()> work);
  // Waits for the next message; not OK if the stream was interrupted meanwhile.
  absl::Status ReadNext();

  void HandleMessage();
  // Reads on after `delay`, or earlier if the stream is interrupted or gone.
  void Pause(absl::Duration delay);
  // OK, or what ends the stream.
  absl::Status HandleBytes();
  absl::Status HandleHeader(const v1::UploadHeader& header);
  absl::Status TakePlace(const std::string& project);
  // Uploads, and streams that fill them, that the project may have open.
  int64_t UploadLimit(const std::string& project) const;
  absl::Status HandleChunk(const ChunkView& chunk);
  absl::Status CheckChunk(const ChunkView& chunk) const;
  // The client has closed its side, or has gone.
  void HandleEnd();
  // Commits the upload, on the batch pool if that takes computing.
  void Commit();
  void CommitHere();
  // What ends a stream whose commit was stopped.
  absl::Status WhyStopped();

  // `status` of the upload, but if it is ABORTED because another stream has committed it, which is
  // as good: then OK, and `present_` is set.
  absl::Status UnlessCommitted(absl::Status status);
  // Whether the upload is neither committed nor dropped.
  bool IsOpen() const;
  // Persists what this stream has brought.
  absl::Status Persist();
  v1::UploadLayerResponse Progress() const;
  // Ends a stream that fails, and drops the upload or persists it for the next stream.
  void Stop(const absl::Status& status);
  // Ends the stream with the committed layer.
  void EndCommitted(const StoredLayer& layer);

  // Sends `response`; if one is being sent, after that, unless a newer one takes its place.
  void Send(const v1::UploadLayerResponse& response);
  // Ends the stream, with `last` before the status. The caller does not touch this object any more
  // unless it is inside a reaction.
  void End(absl::Status status, const v1::UploadLayerResponse* last = nullptr);
  // Sends what End left.
  void SendEnd();
  // `status`, saying which layer it is about.
  absl::Status Named(const absl::Status& status) const;

  ServerState& state_;
  OpenStreams& open_streams_;
  UploadStreams& upload_streams_;
  grpc::CallbackServerContext* const context_;
  RpcRecord record_;
  const bool uses_disk_;

  grpc::ByteBuffer request_;
  std::string layer_name_;
  std::shared_ptr<Upload> upload_;
  std::optional<StoredLayer> present_;  // committed without this stream: by its digest, or another
  bool partial_ = false;
  bool id_chosen_here_ = false;
  std::optional<std::string> place_of_;  // the project whose place it has
  int64_t chunk_count_ = 0;
  int64_t persisted_chunk_count_ = 0;
  int64_t unpersisted_bytes_ = 0;  // brought by this stream
  absl::Duration pause_;           // after the message that is handled

  std::stop_source stop_;  // of a commit that takes long

  Mutex mutex_;
  Phase phase_ GRAMIAN_GUARDED_BY(mutex_) = Phase::kReading;
  bool waits_for_header_ GRAMIAN_GUARDED_BY(mutex_) = true;
  absl::Status interruption_ GRAMIAN_GUARDED_BY(mutex_);           // came while kHandling
  bool is_gone_ GRAMIAN_GUARDED_BY(mutex_) = false;                // the client
  std::unique_ptr<grpc::Alarm> alarm_ GRAMIAN_GUARDED_BY(mutex_);  // while it pauses
  bool writing_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::optional<grpc::ByteBuffer> next_response_ GRAMIAN_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point reading_since_ GRAMIAN_GUARDED_BY(mutex_);
  grpc::ByteBuffer response_;  // Being written; belongs to whoever set writing_.
  std::optional<grpc::ByteBuffer> final_response_;  // Set by End, once.
  absl::Status final_status_;                       // Set by End, once.

  // Last: its destruction waits for a call of it that is under way.
  std::optional<std::stop_callback<std::function<void()>>> on_drain_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_UPLOAD_REACTOR_H_
