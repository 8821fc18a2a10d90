#include "gramian/rpc/upload.h"

#include <algorithm>
#include <limits>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "gramian/client/client.h"
#include "gramian/client/resource_name.h"
#include "gramian/rpc/convert.h"
#include "gramian/rpc/status.h"

namespace gramian::client {
namespace {

// Shorter runs of rows are copied, so that Write need not wait for the socket.
constexpr int64_t kLentChunks = 4;
// That memory is given back is no event of the queue, and it is who waits there that moves bytes.
constexpr absl::Duration kLoanPoll = absl::Milliseconds(1);
constexpr absl::string_view kIdleReason = "UPLOAD_IDLE";
// How often a stop request is looked for where nothing else would notice it.
constexpr absl::Duration kStopPoll = absl::Milliseconds(100);
// Of the calls beside the stream.
constexpr absl::Duration kQuestionTimeout = absl::Seconds(10);
constexpr absl::Duration kAbandonTimeout = absl::Seconds(1);
constexpr int64_t kLeastUnconfirmedBytes = int64_t{32} << 20;

// Bytes of one row; 0 for a shape that makes no sense or overflows, which the server refuses with a
// better message.
int64_t RowBytes(const LayerHeader& header) {
  const int64_t element = ByteSize(header.dtype);
  if (header.feature_count <= 0 ||
      header.feature_count > std::numeric_limits<int64_t>::max() / element)
    return 0;
  return header.feature_count * element;
}

// Whether the upload goes on with another stream: also where the server ended one on which nothing
// came for too long.
bool IsRecoverable(const absl::Status& status) {
  return IsWorthRetry(status) ||
         (absl::IsDeadlineExceeded(status) && ErrorReason(status) == kIdleReason);
}

std::string RandomId() {
  std::random_device random;
  return absl::StrFormat("writer-%08x%08x%08x%08x", random(), random(), random(), random());
}

}  // namespace

ActivationWriter::Upload::Upload(const LayerHeader& header, const UploadOptions& options,
                                 UploadTarget target)
    : header_(header),
      options_(options),
      target_(std::move(target)),
      stub_(v1::ActivationService::NewStub(target_.channel)),
      is_private_(header.upload_id.empty()),
      row_bytes_(RowBytes(header)),
      deadline_(absl::Now() + options.timeout),
      chunk_bytes_(options.chunk_bytes),
      sent_(std::max<int64_t>(row_bytes_, 1)) {
  if (is_private_) header_.upload_id = RandomId();
  const bool fits =
      row_bytes_ > 0 && header.row_count <= std::numeric_limits<int64_t>::max() / row_bytes_;
  progress_.total_bytes = fits ? row_bytes_ * header.row_count : 0;
}

ActivationWriter::Upload::~Upload() { Cancel(); }

absl::Status ActivationWriter::Upload::CheckHeader() const {
  if (chunk_bytes_ < ByteSize(header_.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a chunk of ", chunk_bytes_, " bytes holds no element"));
  }
  if (options_.unconfirmed_bytes < kLeastUnconfirmedBytes) {
    return absl::InvalidArgumentError(absl::StrCat("unconfirmed_bytes is ",
                                                   options_.unconfirmed_bytes,
                                                   ", must be at least ", kLeastUnconfirmedBytes));
  }
  if (header_.partial && is_private_)
    return absl::InvalidArgumentError("writers that fill one layer need a common upload_id");
  return absl::OkStatus();
}

absl::Status ActivationWriter::Upload::Start() {
  failure_ = CheckHeader();
  if (failure_.ok()) failure_ = Open();
  if (!failure_.ok() && stream_ == nullptr && IsRecoverable(failure_)) failure_ = Recover();
  reconnect_count_ = 0;
  is_already_there_ = committed_.has_value();
  persisted_at_start_ = accepted_ranges_;
  return failure_;
}

absl::Status ActivationWriter::Upload::Open() {
  is_accepted_ = false;
  if (ended_ = AwaitConnection(); !ended_.ok()) return ended_;
  stream_ = std::make_unique<UploadStream>(
      target_.channel, deadline_, options_.stop,
      [this](const v1::UploadLayerResponse& response) { HandleResponse(response); });
  if (stream_->Write(HeaderMessage(ToProto(header_))))
    stream_->RunUntil([this] { return is_accepted_ || committed_.has_value(); });
  if (committed_.has_value()) return absl::OkStatus();
  if (!is_accepted_) {
    Drop();
    return ended_;
  }
  was_accepted_ = true;
  ended_ = sent_.Restart(accepted_ranges_);
  if (ended_.ok()) return absl::OkStatus();
  stream_.reset();
  if (!FindCommitted()) return ended_;
  Abandon();
  return absl::OkStatus();
}

absl::Status ActivationWriter::Upload::AwaitConnection() const {
  const absl::Time end = std::min(deadline_, absl::Now() + target_.connect_timeout);
  while (!target_.channel->WaitForConnected(
      absl::ToChronoTime(std::min(end, absl::Now() + kStopPoll)))) {
    if (options_.stop.stop_requested()) return absl::CancelledError("the upload was stopped");
    if (absl::Now() >= deadline_) return absl::DeadlineExceededError("the upload took too long");
    if (absl::Now() >= end) {
      return absl::UnavailableError(absl::StrCat("no server answers at ", target_.address,
                                                 " within ",
                                                 absl::FormatDuration(target_.connect_timeout)));
    }
  }
  return absl::OkStatus();
}

void ActivationWriter::Upload::HandleResponse(const v1::UploadLayerResponse& response) {
  int64_t persisted_chunks = 0;
  if (response.has_accepted()) {
    is_accepted_ = true;
    accepted_ranges_ = FromProto(response.accepted().persisted());
    const int64_t element = ByteSize(header_.dtype);
    if (response.accepted().chunk_bytes() >= element)
      chunk_bytes_ = std::min<int64_t>(chunk_bytes_, response.accepted().chunk_bytes());
    chunk_bytes_ -= chunk_bytes_ % element;
  }
  if (response.has_progress()) persisted_chunks = response.progress().persisted_chunk_count();
  if (response.has_draining()) persisted_chunks = response.draining().persisted_chunk_count();
  if (sent_.Confirm(persisted_chunks)) has_progressed_ = true;
  if (response.has_committed()) committed_ = FromProto(response.committed());
}

absl::Status ActivationWriter::Upload::Recover() {
  if (stream_ != nullptr) Drop();
  if (has_progressed_) {
    patience_ = options_.reconnect_timeout;
    backoff_.Reset();
    has_progressed_ = false;
  }
  const absl::Time start = absl::Now();
  const absl::Time give_up = std::min(deadline_, start + patience_);
  absl::Status status = ended_;
  if (options_.waiting && IsRecoverable(status)) options_.waiting(status);
  while (!status.ok() && IsRecoverable(status)) {
    if (!backoff_.Wait(RetryDelay(status), give_up, options_.stop)) {
      return options_.stop.stop_requested() ? absl::CancelledError("the upload was stopped")
                                            : status;
    }
    status = Open();
  }
  patience_ -= absl::Now() - start;
  if (!status.ok()) return status;
  ++reconnect_count_;
  if (options_.waiting) options_.waiting(status);
  return status;
}

void ActivationWriter::Upload::Drop() {
  ended_ = UnlessStopped(stream_->status(), options_.stop);
  if (ended_.ok())
    ended_ = absl::InternalError("the server ended the upload without committing the layer");
  stream_.reset();
}

bool ActivationWriter::Upload::FindCommitted() {
  if (!is_complete_) return false;
  const std::string digest = KnownDigest();
  if (digest.empty()) return false;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(std::min(deadline_, absl::Now() + kQuestionTimeout)));
  v1::GetLayerRequest request;
  request.set_name(LayerName(header_.snapshot, header_.module_path));
  v1::GetLayerResponse response;
  if (!stub_->GetLayer(&context, request, &response).ok()) return false;
  LayerInfo layer = FromProto(response.layer());
  if (layer.sent_digest != digest) return false;
  committed_ = std::move(layer);
  return true;
}

absl::Status ActivationWriter::Upload::Pump() {
  while (!committed_.has_value()) {
    if (stream_ != nullptr && PumpStream()) return absl::OkStatus();
    if (committed_.has_value()) break;
    if (absl::Status status = Recover(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool ActivationWriter::Upload::PumpStream() {
  while (sent_.has_next()) {
    if (!stream_->Write(sent_.NextMessage(loan_))) return false;
    sent_.Advance();
  }
  stream_->RunUntil([this] {
    return sent_.unconfirmed_bytes() <= options_.unconfirmed_bytes || committed_.has_value();
  });
  return !stream_->has_ended() || committed_.has_value();
}

absl::Status ActivationWriter::Upload::Write(int64_t first_row, const RowsView& rows) {
  if (is_complete_) return absl::FailedPreconditionError("the upload is finished");
  if (!failure_.ok()) return failure_;
  if (stream_ != nullptr) stream_->Poll(absl::ZeroDuration());
  if (committed_.has_value())
    return absl::OkStatus();  // the server had this content: nothing needs to be sent
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
  lends_ = stride_bytes == row_bytes_ &&
           (options_.rows_stay || rows.row_count * row_bytes_ >= kLentChunks * chunk_bytes_);
  failure_ = WriteRows(first_row, rows, stride_bytes);
  if (lends_ && !options_.rows_stay) {
    sent_.Own();
    AwaitLoan();
  }
  return failure_;
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
  const int64_t begin = first_row * row_bytes_ + byte_offset;
  const int64_t size = source.size_bytes();
  Digest(begin, source);
  if (sent_.IsPersisted({begin, begin + size})) {
    progress_.skipped_bytes += size;
  } else {
    if (lends_)
      sent_.AddLent(first_row, byte_offset, source);
    else
      sent_.AddOwned(first_row, byte_offset, source);
    if (absl::Status status = Pump(); !status.ok()) return status;
    progress_.sent_bytes += size;
  }
  if (options_.progress) options_.progress(progress_);
  return absl::OkStatus();
}

void ActivationWriter::Upload::Digest(int64_t begin, const ChunkSource& source) {
  if (!header_.expected_digest.empty() || begin != digested_bytes_) return;
  if (options_.rows_stay) {
    // Later, and only if it is asked for.
    if (begin == 0) stays_at_ = source.data;
    if (source.data != stays_at_ + begin || source.stride_bytes != source.row_bytes) return;
  } else {
    if (!digest_.has_value())
      digest_.emplace(header_.dtype, header_.row_count, header_.feature_count, header_.row_kind,
                      header_.coordinate_count);
    for (int64_t row = 0; row < source.row_count; ++row)
      digest_->Update(source.data + row * source.stride_bytes, source.row_bytes);
  }
  digested_bytes_ += source.size_bytes();
}

std::string ActivationWriter::Upload::KnownDigest() const {
  if (!header_.expected_digest.empty()) return header_.expected_digest;
  if (digested_bytes_ != progress_.total_bytes) return "";
  if (digest_.has_value()) return digest_->Finish();
  LayerDigest digest(header_.dtype, header_.row_count, header_.feature_count, header_.row_kind,
                     header_.coordinate_count);
  digest.Update(stays_at_, progress_.total_bytes);
  return digest.Finish();
}

absl::StatusOr<std::optional<LayerInfo>> ActivationWriter::Upload::Finish() {
  is_complete_ = true;
  if (!failure_.ok()) return failure_;
  absl::StatusOr<std::optional<LayerInfo>> result = FinishStreams();
  failure_ = result.status();
  stream_.reset();
  AwaitLoan();
  return result;
}

absl::StatusOr<std::optional<LayerInfo>> ActivationWriter::Upload::FinishStreams() {
  for (;;) {
    if (absl::Status status = Pump(); !status.ok()) return status;
    if (stream_ != nullptr) {
      stream_->WritesDone();
      stream_->RunToTheEnd();
    }
    if (committed_.has_value()) return committed_;
    if (header_.partial && stream_ != nullptr && stream_->status().ok())
      return std::optional<LayerInfo>();
    if (absl::Status status = Recover(); !status.ok()) return status;
  }
}

void ActivationWriter::Upload::Cancel() {
  if (stream_ != nullptr) stream_->Cancel();
  stream_.reset();
  AwaitLoan();
  if (committed_.has_value()) return;
  if (failure_.ok()) failure_ = absl::CancelledError("the upload was cancelled");
  // A server that cannot be told drops it after its idle time.
  if (is_private_ && was_accepted_ && !IsWorthRetry(failure_)) Abandon();
}

void ActivationWriter::Upload::AwaitLoan() {
  while (loan_->is_open()) {
    // A call that was cut off keeps what it did not send for as long as it exists.
    if (stream_ != nullptr && stream_->has_ended()) Drop();
    if (stream_ != nullptr)
      stream_->Poll(kLoanPoll);
    else
      absl::SleepFor(kLoanPoll);
  }
}

void ActivationWriter::Upload::Abandon() {
  was_accepted_ = false;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kAbandonTimeout));
  v1::AbortUploadRequest request;
  request.set_name(LayerName(header_.snapshot, header_.module_path));
  request.set_upload_id(header_.upload_id);
  v1::AbortUploadResponse response;
  stub_->AbortUpload(&context, request, &response);
}

}  // namespace gramian::client
