#ifndef GRAMIAN_RPC_UPLOAD_STREAM_H_
#define GRAMIAN_RPC_UPLOAD_STREAM_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gramian/v1/activation_service.grpc.pb.h"

namespace gramian::client {

// One call of UploadLayer. Its events are handled on the caller's thread, from a completion queue
// of its own: no thread, no lock. At most one write and one read are on their way; while a write
// is, the next message can be made. Reads keep going all the time, so that what the server says is
// known with the next message at the latest.
class UploadStream {
 public:
  // Called for every message of the server, inside of the methods below.
  using ResponseCallback = std::function<void(const v1::UploadLayerResponse&)>;

  // Begins the call. It ends at `deadline` and when a stop is requested, at the latest.
  UploadStream(const std::shared_ptr<grpc::Channel>& channel, absl::Time deadline,
               const std::stop_token& stop, ResponseCallback on_response);
  // Cancels the call if it has not ended. Afterwards it reads no message any more but those the
  // connection is sending at this moment.
  ~UploadStream();
  UploadStream(const UploadStream&) = delete;
  UploadStream& operator=(const UploadStream&) = delete;

  // Sends a message as soon as the one before is on its way. False if the call has ended instead.
  bool Write(const grpc::ByteBuffer& message);

  // Says that nothing more comes.
  void WritesDone();

  void Cancel();

  // Handles events until `done()` or the end of the call.
  void RunUntil(const std::function<bool()>& done);
  void RunToTheEnd();

  // Handles the events that are there already, or the first one within `patience`.
  void Poll(absl::Duration patience);

  bool has_ended() const { return has_ended_; }

  // What the call ended with.
  absl::Status status() const;

 private:
  using Call = grpc::ClientAsyncReaderWriter<grpc::ByteBuffer, v1::UploadLayerResponse>;
  enum class Event : intptr_t { kStarted, kRead, kWritten, kFinished };

  static void* Tag(Event event);
  void Handle(Event event, bool ok);

  const ResponseCallback on_response_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::TemplatedGenericStub<grpc::ByteBuffer, v1::UploadLayerResponse> stub_;
  std::unique_ptr<Call> call_;

  v1::UploadLayerResponse response_;
  grpc::Status end_;
  bool is_started_ = false;
  bool is_writing_ = false;
  bool is_finishing_ = false;  // the end of the call was asked for
  bool has_ended_ = false;

  // Last, so that it is gone before anything it touches.
  std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_UPLOAD_STREAM_H_
