#include "gramian/rpc/upload.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/rpc/convert.h"
#include "gramian/rpc/status.h"

namespace gramian::client {
namespace {

// Shorter runs of rows are copied, so that Write need not wait for the socket.
constexpr int64_t kLentChunks = 4;
// That memory is given back is no event of the queue, and it is who waits there that moves bytes.
constexpr absl::Duration kLoanPoll = absl::Milliseconds(1);

constexpr char kMethod[] = "/gramian.v1.ActivationService/UploadLayer";

// Bytes of one row; 0 for a shape that makes no sense or overflows, which the server refuses with a
// better message.
int64_t RowBytes(const LayerHeader& header) {
  const int64_t element = ByteSize(header.dtype);
  if (header.feature_count <= 0 ||
      header.feature_count > std::numeric_limits<int64_t>::max() / element)
    return 0;
  return header.feature_count * element;
}

}  // namespace

ActivationWriter::Upload::Upload(const LayerHeader& header, const UploadOptions& options,
                                 const std::shared_ptr<grpc::Channel>& channel)
    : header_(header),
      options_(options),
      row_bytes_(RowBytes(header)),
      chunk_bytes_(options.chunk_bytes),
      stub_(channel) {
  context_.emplace();
  context_->set_deadline(absl::ToChronoTime(absl::Now() + options.timeout));
  on_stop_.emplace(options.stop, [this] { context_->TryCancel(); });
  const bool fits =
      row_bytes_ > 0 && header.row_count <= std::numeric_limits<int64_t>::max() / row_bytes_;
  progress_.total_bytes = fits ? row_bytes_ * header.row_count : 0;
}

ActivationWriter::Upload::~Upload() {
  if (!has_ended_) context_->TryCancel();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  // Ends as soon as the operations on their way have been called off.
  while (queue_.Next(&tag, &ok)) {
  }
}

void* ActivationWriter::Upload::Tag(Event event) { return reinterpret_cast<void*>(event); }

absl::Status ActivationWriter::Upload::Start() {
  const int64_t element = ByteSize(header_.dtype);
  if (chunk_bytes_ < element) {
    return absl::InvalidArgumentError(
        absl::StrCat("a chunk of ", chunk_bytes_, " bytes holds no element"));
  }
  stream_ = stub_.PrepareCall(&*context_, kMethod, &queue_);
  stream_->StartCall(Tag(Event::kStarted));
  RunUntil([this] { return is_started_; });
  if (absl::Status sent = Send(HeaderMessage(ToProto(header_))); !sent.ok()) return sent;
  RunUntil([this] { return is_accepted_ || is_committed(); });
  if (has_ended_ && !is_committed()) return EndStatus();
  chunk_bytes_ -= chunk_bytes_ % element;
  return absl::OkStatus();
}

absl::Status ActivationWriter::Upload::Write(int64_t first_row, const RowsView& rows) {
  if (is_complete_) return absl::FailedPreconditionError("the upload is finished");
  Poll(absl::ZeroDuration());
  if (is_committed())
    return absl::OkStatus();  // the server had this content: nothing needs to be sent
  if (has_ended_) return EndStatus();
  const int64_t stride_bytes = rows.row_stride_bytes == 0 ? row_bytes_ : rows.row_stride_bytes;
  if (rows.row_count < 0 || first_row < 0 || first_row > header_.row_count - rows.row_count) {
    return absl::InvalidArgumentError(
        absl::StrCat("rows ", first_row, " to ", first_row + rows.row_count - 1,
                     " are not within the ", header_.row_count, " rows announced"));
  }
  if (stride_bytes < row_bytes_) {
    return absl::InvalidArgumentError(
        absl::StrCat("a stride of ", stride_bytes, " bytes is less than a row of ", row_bytes_));
  }
  lends_ = stride_bytes == row_bytes_ && rows.row_count * row_bytes_ >= kLentChunks * chunk_bytes_;
  absl::Status status = WriteRows(first_row, rows, stride_bytes);
  AwaitLoan();
  return status;
}

absl::Status ActivationWriter::Upload::WriteRows(int64_t first_row, const RowsView& rows,
                                                 int64_t stride_bytes) {
  if (row_bytes_ <= chunk_bytes_) return WriteWholeRows(first_row, rows, stride_bytes);
  const auto* data = static_cast<const std::byte*>(rows.data);
  for (int64_t row = 0; row < rows.row_count; ++row) {
    if (absl::Status status = WriteWideRow(first_row + row, data + row * stride_bytes);
        !status.ok())
      return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<LayerInfo> ActivationWriter::Upload::Finish() {
  is_complete_ = true;
  RunUntil([this] { return !is_writing_; });
  if (!has_ended_) {
    is_writing_ = true;
    stream_->WritesDone(Tag(Event::kWritesDone));
  }
  RunUntil([] { return false; });
  if (!is_committed()) return EndStatus();
  return *committed_;
}

void ActivationWriter::Upload::Cancel() {
  if (has_ended_) return;
  context_->TryCancel();
  RunUntil([] { return false; });
}

void ActivationWriter::Upload::RunUntil(const std::function<bool()>& done) {
  void* tag = nullptr;
  bool ok = false;
  // Bounded by the deadline of the RPC, which fails every operation on its way.
  while (!has_ended_ && !done() && queue_.Next(&tag, &ok)) {
    Handle(static_cast<Event>(reinterpret_cast<intptr_t>(tag)), ok);
  }
}

void ActivationWriter::Upload::Poll(absl::Duration patience) {
  void* tag = nullptr;
  bool ok = false;
  std::chrono::system_clock::time_point deadline = absl::ToChronoTime(absl::Now() + patience);
  while (queue_.AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT) {
    Handle(static_cast<Event>(reinterpret_cast<intptr_t>(tag)), ok);
    deadline = {};
  }
}

void ActivationWriter::Upload::AwaitLoan() {
  if (has_ended_) {
    // A call that was cut off keeps what it did not send for as long as it exists.
    while (is_writing_) Poll(kLoanPoll);
    on_stop_.reset();
    stream_.reset();
    context_.reset();
  }
  while (loan_->is_open()) Poll(kLoanPoll);
}

void ActivationWriter::Upload::Handle(Event event, bool ok) {
  switch (event) {
    case Event::kStarted:
      is_started_ = true;
      stream_->Read(&response_, Tag(Event::kRead));
      break;
    case Event::kWritten:
    case Event::kWritesDone:
      is_writing_ = false;
      break;
    case Event::kRead:
      if (ok) {
        HandleResponse();
        stream_->Read(&response_, Tag(Event::kRead));
      } else if (!is_finishing_) {
        is_finishing_ = true;
        stream_->Finish(&end_, Tag(Event::kFinished));
      }
      break;
    case Event::kFinished:
      has_ended_ = true;
      break;
  }
}

void ActivationWriter::Upload::HandleResponse() {
  if (response_.has_accepted()) {
    is_accepted_ = true;
    if (response_.accepted().chunk_bytes() >= ByteSize(header_.dtype)) {
      chunk_bytes_ = std::min<int64_t>(chunk_bytes_, response_.accepted().chunk_bytes());
    }
  }
  if (response_.has_committed()) committed_ = FromProto(response_.committed());
}

absl::Status ActivationWriter::Upload::Send(const grpc::ByteBuffer& message) {
  RunUntil([this] { return !is_writing_ || is_finishing_; });
  // A broken stream has no room for another message: its status is on the way.
  if (is_finishing_) RunUntil([] { return false; });
  if (has_ended_) return is_committed() ? absl::OkStatus() : EndStatus();
  is_writing_ = true;
  stream_->Write(message, Tag(Event::kWritten));
  return absl::OkStatus();
}

absl::Status ActivationWriter::Upload::WriteWholeRows(int64_t first_row, const RowsView& rows,
                                                      int64_t stride_bytes) {
  const int64_t rows_per_chunk = chunk_bytes_ / row_bytes_;
  const auto* data = static_cast<const std::byte*>(rows.data);
  for (int64_t row = 0; row < rows.row_count; row += rows_per_chunk) {
    const int64_t count = std::min(rows_per_chunk, rows.row_count - row);
    const ChunkSource source = {data + row * stride_bytes, count, row_bytes_, stride_bytes};
    if (absl::Status status = SendChunk(first_row + row, 0, source); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ActivationWriter::Upload::WriteWideRow(int64_t row, const std::byte* data) {
  for (int64_t offset = 0; offset < row_bytes_; offset += chunk_bytes_) {
    const int64_t size = std::min(chunk_bytes_, row_bytes_ - offset);
    if (absl::Status status = SendChunk(row, offset, {data + offset, 1, size, size}); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

absl::Status ActivationWriter::Upload::SendChunk(int64_t first_row, int64_t byte_offset,
                                                 const ChunkSource& source) {
  const grpc::ByteBuffer message =
      lends_ ? BorrowingChunkMessage(first_row, byte_offset,
                                     {source.data, static_cast<size_t>(source.size_bytes())}, loan_)
             : ChunkMessage(first_row, byte_offset, source);
  if (absl::Status status = Send(message); !status.ok()) return status;
  progress_.sent_bytes += source.size_bytes();
  if (options_.progress) options_.progress(progress_);
  return absl::OkStatus();
}

absl::Status ActivationWriter::Upload::EndStatus() const {
  if (!end_.ok()) return FromGrpc(end_);
  return absl::InternalError("the server ended the upload without committing the layer");
}

}  // namespace gramian::client
