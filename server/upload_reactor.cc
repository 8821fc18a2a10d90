#include "server/upload_reactor.h"

#include <memory>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "server/crc32c.h"
#include "server/resource_name.h"
#include "server/status_details.h"
#include "server/unary_call.h"

namespace gramian {
namespace {

constexpr int64_t kProgressBytes = int64_t{16} << 20;

grpc::ByteBuffer Serialize(const v1::UploadLayerResponse& response) {
  const grpc::Slice slice(response.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

UploadReactor::UploadReactor(ServerState& state, OpenUploads& open_uploads,
                             const MethodMetrics& method, grpc::CallbackServerContext* context)
    : state_(state),
      open_uploads_(open_uploads),
      context_(context),
      record_(state, method),
      reading_since_(std::chrono::steady_clock::now()) {
  absl::Status status = record_.Admission();
  if (status.ok()) has_place_ = open_uploads_.TryAdd(this);
  if (status.ok() && !has_place_) {
    status = TryAgain(absl::StrCat("all ", state_.options.max_uploads, " uploads are open"),
                      "TOO_MANY_UPLOADS");
  }
  if (status.ok()) {
    StartRead(&request_);
    on_cut_off_.emplace(record_.cut_off(), [this] { EndIfReading(); });
  } else {
    End(std::move(status));
  }
}

void UploadReactor::OnReadDone(bool ok) {
  {
    MutexLock lock(mutex_);
    // The sweeper ended the stream; this read was cut off by that.
    if (phase_ != Phase::kReading) return;
    phase_ = ok ? Phase::kHandling : Phase::kCommitting;
  }
  if (!ok) {
    BeginCommit();
    return;
  }
  absl::Status status;
  try {
    status = HandleMessage();
  } catch (const std::bad_alloc&) {
    status = absl::ResourceExhaustedError("MEMORY_PRESSURE: out of memory");
  }
  if (!status.ok()) {
    End(Named(status));
  } else if (present_.has_value()) {
    End(absl::OkStatus(), &*present_);
  } else if (!ReadNext()) {
    End(record_.WithCause(absl::CancelledError(), *context_));
  }
}

bool UploadReactor::ReadNext() {
  // Under the lock, so that nobody else can end the stream before the read has begun, and a drain
  // that found a message being handled is not missed.
  MutexLock lock(mutex_);
  if (record_.cut_off().stop_requested()) return false;
  phase_ = Phase::kReading;
  reading_since_ = std::chrono::steady_clock::now();
  StartRead(&request_);
  return true;
}

absl::Status UploadReactor::HandleMessage() {
  GRAMIAN_ASSIGN_OR_RETURN(const UploadMessage message, ParseUploadMessage(request_));
  return message.header.has_value() ? HandleHeader(*message.header) : HandleChunk(*message.chunk);
}

absl::Status UploadReactor::HandleHeader(const v1::UploadHeader& header) {
  if (plan_.has_value())
    return absl::InvalidArgumentError("a second header; one stream brings one layer");
  GRAMIAN_ASSIGN_OR_RETURN(plan_, ToUploadPlan(header, state_.options));
  GRAMIAN_ASSIGN_OR_RETURN(const bool is_present, CommitIfPresent());
  if (is_present) return absl::OkStatus();
  GRAMIAN_RETURN_IF_ERROR(state_.engine.store().Reserve(plan_->size_bytes));
  reserved_bytes_ = plan_->size_bytes;
  GRAMIAN_ASSIGN_OR_RETURN(builder_, RepresentationBuilder::Create(plan_->shape));
  v1::UploadLayerResponse response;
  response.mutable_accepted()->set_chunk_bytes(state_.options.chunk_bytes);
  response.mutable_accepted()->set_name(FormatLayer(plan_->description.key));
  TrySend(response);
  return absl::OkStatus();
}

absl::StatusOr<bool> UploadReactor::CommitIfPresent() {
  if (plan_->expected_digest.empty()) return false;
  const absl::StatusOr<StoredLayer> stored = state_.engine.store().GetLayer(plan_->description.key);
  if (!stored.ok() || stored->representation->digest().ToHex() != plan_->expected_digest ||
      stored->representation->shape() != plan_->shape) {
    return false;
  }
  // The description may be another one: the store decides.
  GRAMIAN_ASSIGN_OR_RETURN(
      const StoredLayer committed,
      state_.engine.store().Commit(plan_->description, stored->representation, plan_->on_conflict));
  present_ = ToProto(committed);
  return true;
}

absl::Status UploadReactor::HandleChunk(const ChunkView& chunk) {
  if (!builder_.has_value()) return absl::InvalidArgumentError("the first message is not a header");
  if (chunk.size_bytes > state_.options.chunk_bytes) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat("a chunk has ", chunk.size_bytes,
                                                              " bytes, more than the limit of ",
                                                              state_.options.chunk_bytes)),
                      "CHUNK_TOO_LARGE", {{"limit", absl::StrCat(state_.options.chunk_bytes)}});
  }
  const int64_t element_bytes = SizeOf(plan_->shape.dtype);
  const int64_t row_bytes = plan_->shape.cols * element_bytes;
  if (chunk.byte_offset < 0 || chunk.byte_offset >= row_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("the chunk at row ", chunk.first_row,
                                                   " has byte_offset ", chunk.byte_offset,
                                                   ", must be from 0 to ", row_bytes - 1));
  }
  if (chunk.byte_offset % element_bytes != 0 || chunk.size_bytes % element_bytes != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the chunk at row ", chunk.first_row, ", byte ", chunk.byte_offset, " with ",
                     chunk.size_bytes, " bytes cuts an element of ", element_bytes, " bytes"));
  }
  uint32_t crc = 0;
  for (const absl::string_view piece : chunk.data) crc = ExtendCrc32c(crc, piece);
  if (crc != chunk.crc32c) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "the chunk at row ", chunk.first_row, ", byte ", chunk.byte_offset,
                          " has crc32c ", crc, ", announced was ", chunk.crc32c)),
                      "CHECKSUM_MISMATCH");
  }
  GRAMIAN_RETURN_IF_ERROR(builder_->Append(chunk.first_row, chunk.byte_offset, chunk.data));
  state_.metrics.AddIngestedBytes(chunk.size_bytes);
  if (builder_->received_bytes() - reported_bytes_ >= kProgressBytes) {
    reported_bytes_ = builder_->received_bytes();
    v1::UploadLayerResponse response;
    response.mutable_progress()->set_received_bytes(reported_bytes_);
    response.mutable_progress()->set_received_row_count(builder_->complete_rows());
    TrySend(response);
  }
  return absl::OkStatus();
}

void UploadReactor::BeginCommit() {
  if (context_->IsCancelled()) {
    End(record_.WithCause(absl::CancelledError("the client ended the upload"), *context_));
  } else if (!builder_.has_value()) {
    End(absl::InvalidArgumentError("the stream ended without a header"));
  } else if (!state_.ingest.TrySubmit([this] {
               v1::Layer committed;
               absl::Status status;
               try {
                 status = Named(Commit(committed));
               } catch (const std::bad_alloc&) {
                 status = absl::ResourceExhaustedError("MEMORY_PRESSURE: out of memory");
               }
               End(std::move(status), &committed);
             })) {
    End(TryAgain("too many uploads wait to be committed", "QUEUE_FULL"));
  }
}

absl::Status UploadReactor::Commit(v1::Layer& committed) {
  if (builder_->received_bytes() < builder_->size_bytes()) {
    // Also what is left of a stream that broke; the builder knows the first missing row.
    absl::Status status = std::move(*builder_).Finish().status();
    return WithReason(absl::InvalidArgumentError(status.message()), "ROWS_MISSING");
  }
  GRAMIAN_ASSIGN_OR_RETURN(std::shared_ptr<const Representation> representation,
                           std::move(*builder_).Finish());
  const std::string digest = representation->digest().ToHex();
  if (!plan_->expected_digest.empty() && digest != plan_->expected_digest) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat("the content has digest ", digest,
                                                ", announced was ", plan_->expected_digest)),
        "DIGEST_MISMATCH");
  }
  // A client that is gone sees no commit: a stream cut after its last chunk looks like one that
  // ended.
  if (context_->IsCancelled()) return absl::CancelledError("the client ended the upload");
  GRAMIAN_ASSIGN_OR_RETURN(const StoredLayer stored,
                           state_.engine.store().Commit(
                               plan_->description, std::move(representation), plan_->on_conflict));
  committed = ToProto(stored);
  return absl::OkStatus();
}

void UploadReactor::TrySend(const v1::UploadLayerResponse& response) {
  {
    MutexLock lock(mutex_);
    if (writing_) return;
    writing_ = true;
    response_ = Serialize(response);
  }
  StartWrite(&response_);
}

void UploadReactor::OnWriteDone(bool /*ok*/) {
  {
    MutexLock lock(mutex_);
    writing_ = false;
    if (phase_ != Phase::kEnding) return;
  }
  SendEnd();
}

void UploadReactor::EndIfIdleSince(std::chrono::steady_clock::time_point time) {
  {
    MutexLock lock(mutex_);
    if (phase_ != Phase::kReading || reading_since_ > time) return;
    phase_ = Phase::kHandling;
  }
  End(WithReason(absl::DeadlineExceededError(absl::StrCat(
                     "the upload brought nothing for ", state_.options.upload_idle_seconds, " s")),
                 "UPLOAD_IDLE"));
}

void UploadReactor::EndIfReading() {
  {
    MutexLock lock(mutex_);
    if (phase_ != Phase::kReading) return;
    phase_ = Phase::kHandling;
  }
  End(record_.WithCause(absl::CancelledError(), *context_));
}

void UploadReactor::End(absl::Status status, const v1::Layer* committed) {
  {
    MutexLock lock(mutex_);
    phase_ = Phase::kEnding;
    final_status_ = std::move(status);
    if (final_status_.ok()) {
      v1::UploadLayerResponse response;
      *response.mutable_committed() = *committed;
      final_response_ = Serialize(response);
    }
    if (writing_) return;
  }
  SendEnd();
}

void UploadReactor::SendEnd() {
  // Before the client can know: its next upload must find the bytes free and the place open.
  builder_.reset();
  if (reserved_bytes_ > 0) state_.engine.store().Release(std::exchange(reserved_bytes_, 0));
  if (has_place_) open_uploads_.FreePlace();
  record_.Close(final_status_);
  if (final_status_.ok()) {
    StartWriteAndFinish(&final_response_, grpc::WriteOptions(), ToGrpcStatus(final_status_));
  } else {
    Finish(ToGrpcStatus(final_status_));
  }
}

void UploadReactor::OnDone() {
  open_uploads_.Remove(this);
  delete this;
}

absl::Status UploadReactor::Named(const absl::Status& status) const {
  if (status.ok() || !plan_.has_value()) return status;
  const LayerDescription& description = plan_->description;
  absl::Status named(status.code(),
                     absl::StrCat(status.message(), " (layer ", FormatLayer(description.key), ")"));
  status.ForEachPayload([&named](absl::string_view url, const absl::Cord& payload) {
    named.SetPayload(url, payload);
  });
  return named;
}

}  // namespace gramian
