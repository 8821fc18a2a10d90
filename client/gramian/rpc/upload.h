#ifndef GRAMIAN_RPC_UPLOAD_H_
#define GRAMIAN_RPC_UPLOAD_H_

#include <grpcpp/channel.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gramian/client/activation_writer.h"
#include "gramian/client/digest.h"
#include "gramian/rpc/backoff.h"
#include "gramian/rpc/sent_chunks.h"
#include "gramian/rpc/upload_message.h"
#include "gramian/rpc/upload_stream.h"
#include "gramian/v1/activation_service.grpc.pb.h"

namespace gramian::client {

// Where an upload goes.
struct UploadTarget {
  std::string address;  // as people know it
  std::shared_ptr<grpc::Channel> channel;
  absl::Duration connect_timeout;
};

// What an ActivationWriter does: one stream after the other, until one ends with the committed
// layer. What was sent and is not known to be persisted is kept and sent again. Long runs of rows
// are not copied while they are sent: they are lent to the socket, and only what is not persisted
// when Write returns is copied then.
class ActivationWriter::Upload {
 public:
  Upload(const LayerHeader& header, const UploadOptions& options, UploadTarget target);
  ~Upload();
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;

  // Sends the header and waits for the answer.
  absl::Status Start();

  absl::Status Write(int64_t first_row, const RowsView& rows);

  // The committed layer; nothing if a part was brought and others have rows to bring.
  absl::StatusOr<std::optional<LayerInfo>> Finish();
  void Cancel();

  bool is_partial() const { return header_.partial; }
  bool is_already_there() const { return is_already_there_; }
  const std::vector<ByteRange>& persisted() const { return persisted_at_start_; }
  int64_t reconnect_count() const { return reconnect_count_; }

 private:
  absl::Status CheckHeader() const;

  // One attempt: a new stream on which the server took the header. OK as well if it answered with
  // the layer.
  absl::Status Open();
  absl::Status AwaitConnection() const;
  void HandleResponse(const v1::UploadLayerResponse& response);

  // Opens new streams until one is accepted, if what ended the last one is worth it.
  absl::Status Recover();

  // Gives the stream up; `ended_` says what it ended with.
  void Drop();

  // Whether the layer was committed although the stream broke before it said so.
  bool FindCommitted();

  // Sends what is to be sent and waits until no more than allowed is unconfirmed, on as many
  // streams as it takes.
  absl::Status Pump();
  // The same on this stream. False if it ended.
  bool PumpStream();

  absl::Status WriteRows(int64_t first_row, const RowsView& rows, int64_t stride_bytes);
  absl::Status WriteWholeRows(int64_t first_row, const RowsView& rows, int64_t stride_bytes);
  absl::Status WriteWideRow(int64_t row, const std::byte* data);
  absl::Status SendChunk(int64_t first_row, int64_t byte_offset, const ChunkSource& source);

  // Takes a chunk into the digest of the layer, if it is the next one in order.
  void Digest(int64_t begin, const ChunkSource& source);
  // The digest of the layer; empty if it is not announced and rows were not written in order.
  std::string KnownDigest() const;

  absl::StatusOr<std::optional<LayerInfo>> FinishStreams();

  // Waits until nothing reads the caller's memory any more. Not longer than it takes to give up a
  // connection whose other end is silent.
  void AwaitLoan();

  // Lets the server forget the upload.
  void Abandon();

  LayerHeader header_;  // constant after construction
  const UploadOptions options_;
  const UploadTarget target_;
  const std::unique_ptr<v1::ActivationService::Stub> stub_;
  const bool is_private_;  // nobody else knows its id
  const int64_t row_bytes_;
  const absl::Time deadline_;
  int64_t chunk_bytes_;

  const std::shared_ptr<Loan> loan_ = std::make_shared<Loan>();
  bool lends_ = false;  // whether the rows being written are lent
  SentChunks sent_;
  UploadProgress progress_;
  std::optional<LayerDigest> digest_;    // of what was written in order from the start
  const std::byte* stays_at_ = nullptr;  // where those rows stay, instead of the digest
  int64_t digested_bytes_ = 0;

  std::unique_ptr<UploadStream> stream_;  // null between two of them
  absl::Status ended_;                    // what the last one ended with
  bool is_accepted_ = false;              // by this stream
  std::vector<ByteRange> accepted_ranges_;
  std::optional<LayerInfo> committed_;

  std::vector<ByteRange> persisted_at_start_;
  bool is_already_there_ = false;
  bool was_accepted_ = false;  // by any stream
  bool is_complete_ = false;   // the caller wrote all it has
  absl::Status failure_;       // final

  Backoff backoff_;
  bool has_progressed_ = true;  // since the last failure
  absl::Duration patience_;     // how much longer streams may be missing until there is progress
  int64_t reconnect_count_ = 0;
};

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_UPLOAD_H_
