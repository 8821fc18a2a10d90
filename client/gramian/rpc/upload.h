#ifndef GRAMIAN_RPC_UPLOAD_H_
#define GRAMIAN_RPC_UPLOAD_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gramian/client/activation_writer.h"
#include "gramian/rpc/upload_message.h"
#include "gramian/v1/activation_service.grpc.pb.h"

namespace gramian::client {

// What an ActivationWriter does. The RPC's events are handled on the caller's thread, from a
// completion queue of its own: no thread, no lock. At most one write and one read are on their way;
// while a write is, the next chunk is copied and summed up. Reads keep going all the time, so that
// the server's refusal is seen with the next chunk at the latest. Long runs of rows are not copied:
// they are lent to the socket, and Write returns when it has given them back.
class ActivationWriter::Upload {
 public:
  Upload(const LayerHeader& header, const UploadOptions& options,
         const std::shared_ptr<grpc::Channel>& channel);
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  // Sends the header and waits for the answer.
  absl::Status Start();

  absl::Status Write(int64_t first_row, const RowsView& rows);
  absl::StatusOr<LayerInfo> Finish();
  void Cancel();

  bool is_committed() const { return committed_.has_value(); }

 private:
  using Stream = grpc::ClientAsyncReaderWriter<grpc::ByteBuffer, v1::UploadLayerResponse>;
  enum class Event : intptr_t { kStarted, kRead, kWritten, kWritesDone, kFinished };

  static void* Tag(Event event);

  // Handles events until `done()` or the end of the RPC.
  void RunUntil(const std::function<bool()>& done);

  // Handles the events that are there already, or the first one within `patience`.
  void Poll(absl::Duration patience);

  // Waits until nothing reads the caller's memory any more. Not longer than it takes to give up a
  // connection whose other end is silent, also when the upload was cancelled.
  void AwaitLoan();

  void Handle(Event event, bool ok);
  void HandleResponse();

  // Sends one message when the one before is on its way.
  absl::Status Send(const grpc::ByteBuffer& message);
  absl::Status WriteRows(int64_t first_row, const RowsView& rows, int64_t stride_bytes);
  absl::Status WriteWholeRows(int64_t first_row, const RowsView& rows, int64_t stride_bytes);
  absl::Status WriteWideRow(int64_t row, const std::byte* data);
  absl::Status SendChunk(int64_t first_row, int64_t byte_offset, const ChunkSource& source);

  // The status of the ended RPC; OK only after a commit.
  absl::Status EndStatus() const;

  const LayerHeader header_;
  const UploadOptions options_;
  const int64_t row_bytes_;
  int64_t chunk_bytes_;
  UploadProgress progress_;
  const std::shared_ptr<Loan> loan_ = std::make_shared<Loan>();
  bool lends_ = false;  // whether the rows being written are lent

  std::optional<grpc::ClientContext> context_;  // until the RPC has ended
  grpc::CompletionQueue queue_;
  grpc::TemplatedGenericStub<grpc::ByteBuffer, v1::UploadLayerResponse> stub_;
  std::unique_ptr<Stream> stream_;

  v1::UploadLayerResponse response_;
  grpc::Status end_;
  bool is_started_ = false;
  bool is_accepted_ = false;
  bool is_writing_ = false;
  bool is_finishing_ = false;  // Finish of the stream was asked for
  bool has_ended_ = false;
  bool is_complete_ = false;  // the caller asked for the result, so no more rows
  std::optional<LayerInfo> committed_;

  // Last, so that it is gone before anything it touches.
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_UPLOAD_H_
