#include "server/upload_reactor.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/machine.h"
#include "gramian/base/status_macros.h"
#include "gramian/tangent/pullback_factor.h"
#include "server/activation_messages.h"
#include "server/crc32c.h"
#include "server/resource_name.h"
#include "server/status_details.h"

namespace gramian {
namespace {

constexpr int64_t kProgressBytes = int64_t{16} << 20;
// From the beginning of a stream to its header.
constexpr int64_t kHeaderSeconds = 10;

grpc::ByteBuffer Serialize(const v1::UploadLayerResponse& response) {
  const grpc::Slice slice(response.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

absl::Status UploadAborted(absl::string_view message) {
  return WithReason(absl::AbortedError(message), "UPLOAD_ABORTED");
}

absl::Status Draining() { return TryAgain("the server is draining", "DRAINING"); }

}  // namespace

UploadReactor::UploadReactor(ServerState& state, OpenStreams& open_streams,
                             UploadStreams& upload_streams, const MethodMetrics& method,
                             grpc::CallbackServerContext* context)
    : state_(state),
      open_streams_(open_streams),
      upload_streams_(upload_streams),
      context_(context),
      record_(state, method, *context),
      uses_disk_(!state.engine.options().store.data_dir.empty()),
      reading_since_(std::chrono::steady_clock::now()) {
  absl::Status status = record_.AdmitCaller();
  if (status.ok()) {
    open_streams_.Add(this);
    StartRead(&request_);
    // What a directory keeps goes on elsewhere at once; what only memory has had better end here.
    on_drain_.emplace(uses_disk_ ? record_.closing() : record_.cut_off(),
                      [this] { Interrupt(Draining()); });
  } else {
    End(std::move(status));
  }
}

void UploadReactor::OnReadDone(bool ok) {
  {
    MutexLock lock(mutex_);
    // The stream was interrupted; this read was cut off by that.
    if (phase_ != Phase::kReading) return;
    phase_ = Phase::kHandling;
    waits_for_header_ = false;
  }
  if (!ok) {
    RunOnPool([this] { HandleEnd(); });
  } else if (uses_disk_) {
    RunOnPool([this] { HandleMessage(); });
  } else {
    HandleMessage();
  }
}

void UploadReactor::RunOnPool(std::function<void()> work) {
  // Never refused: there are not more jobs than streams.
  state_.ingest.Resume(std::move(work));
}

absl::Status UploadReactor::ReadNext() {
  // Under the lock, so that nobody else can end the stream before the read has begun.
  MutexLock lock(mutex_);
  if (!interruption_.ok()) return interruption_;
  phase_ = Phase::kReading;
  reading_since_ = std::chrono::steady_clock::now();
  StartRead(&request_);
  return absl::OkStatus();
}

void UploadReactor::HandleMessage() {
  absl::Status status;
  try {
    status = Named(HandleBytes());
  } catch (const std::bad_alloc&) {
    status = OutOfMemory("out of memory");
  }
  if (status.ok() && present_.has_value()) {
    EndCommitted(*present_);
    return;
  }
  if (status.ok() && pause_ > absl::ZeroDuration()) {
    Pause(std::exchange(pause_, absl::ZeroDuration()));
    return;
  }
  // From here on this object belongs to the next message, unless that never comes.
  if (status.ok()) status = ReadNext();
  if (!status.ok()) Stop(status);
}

void UploadReactor::Pause(absl::Duration delay) {
  const absl::Time start = absl::Now();
  MutexLock lock(mutex_);
  // Its callback may come before Set returns, and waits for the lock.
  alarm_ = std::make_unique<grpc::Alarm>();
  const bool is_over = is_gone_ || !interruption_.ok();
  alarm_->Set(absl::ToChronoTime(is_over ? start : start + delay), [this, start](bool /*ok*/) {
    state_.metrics.IngestPaused(absl::ToDoubleSeconds(absl::Now() - start));
    RunOnPool([this] {
      {
        MutexLock ended(mutex_);
        alarm_.reset();
      }
      if (absl::Status status = ReadNext(); !status.ok()) Stop(status);
    });
  });
}

absl::Status UploadReactor::HandleBytes() {
  GRAMIAN_ASSIGN_OR_RETURN(const UploadMessage message, ParseUploadMessage(request_));
  return message.header.has_value() ? HandleHeader(*message.header) : HandleChunk(*message.chunk);
}

absl::Status UploadReactor::HandleHeader(const v1::UploadHeader& header) {
  if (upload_ != nullptr)
    return absl::InvalidArgumentError("a second header; one stream brings one layer");
  GRAMIAN_RETURN_IF_ERROR(record_.Admit(header));
  GRAMIAN_ASSIGN_OR_RETURN(const UploadPlan plan, ToUploadPlan(header, state_.options));
  layer_name_ = FormatLayer(plan.description.key);
  record_.SetResource(layer_name_);
  ActivationStore& store = state_.engine.store();
  if (!plan.expected_digest.empty()) {
    absl::StatusOr<StoredLayer> known = store.CommitKnownContent(plan);
    if (known.ok()) {
      present_ = *std::move(known);
      return absl::OkStatus();
    }
    if (!absl::IsNotFound(known.status())) return known.status();
  }
  GRAMIAN_RETURN_IF_ERROR(TakePlace(plan.description.key.snapshot.project));
  absl::StatusOr<std::shared_ptr<Upload>> upload = state_.admission.OpenUpload(store, plan);
  // Others end soon.
  if (HasReason(upload.status(), "TOO_MANY_UPLOADS"))
    return TooMany(upload.status().message(), "TOO_MANY_UPLOADS",
                   UploadLimit(plan.description.key.snapshot.project));
  if (!upload.ok()) return upload.status();
  upload_ = *std::move(upload);
  upload_streams_.Join(upload_, this);
  partial_ = header.partial();
  id_chosen_here_ = plan.upload_id.empty();
  v1::UploadLayerResponse response;
  v1::UploadAccepted* accepted = response.mutable_accepted();
  accepted->set_chunk_bytes(state_.options.chunk_bytes);
  accepted->set_name(layer_name_);
  accepted->set_upload_id(upload_->plan().upload_id);
  AddRanges(upload_->persisted(), *accepted->mutable_persisted());
  Send(response);
  return absl::OkStatus();
}

absl::Status UploadReactor::TakePlace(const std::string& project) {
  const int64_t limit = UploadLimit(project);
  if (open_streams_.TryTakePlace(project, limit)) {
    place_of_ = project;
    return absl::OkStatus();
  }
  return TooMany(
      absl::StrCat("project '", project, "' has the limit of ", limit, " open upload streams"),
      "TOO_MANY_UPLOADS", limit);
}

int64_t UploadReactor::UploadLimit(const std::string& project) const {
  const int64_t quota = state_.admission.QuotasOf(project).open_uploads;
  return quota > 0 ? std::min(quota, open_streams_.limit()) : open_streams_.limit();
}

absl::Status UploadReactor::CheckChunk(const ChunkView& chunk) const {
  if (chunk.size_bytes > state_.options.chunk_bytes) {
    return WithLimit(absl::InvalidArgumentError(absl::StrCat("a chunk has ", chunk.size_bytes,
                                                             " bytes, more than the limit of ",
                                                             state_.options.chunk_bytes)),
                     "CHUNK_TOO_LARGE", chunk.size_bytes, state_.options.chunk_bytes);
  }
  const RepresentationShape& shape = upload_->plan().shape;
  const int64_t element_bytes = SizeOf(shape.dtype);
  const int64_t row_bytes = shape.cols * element_bytes;
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
  if (crc == chunk.crc32c) return absl::OkStatus();
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "the chunk at row ", chunk.first_row, ", byte ", chunk.byte_offset,
                        " has crc32c ", crc, ", announced was ", chunk.crc32c)),
                    "CHECKSUM_MISMATCH");
}

absl::Status UploadReactor::HandleChunk(const ChunkView& chunk) {
  if (upload_ == nullptr) return absl::InvalidArgumentError("the first message is not a header");
  GRAMIAN_RETURN_IF_ERROR(CheckChunk(chunk));
  GRAMIAN_RETURN_IF_ERROR(
      UnlessCommitted(upload_->Append(chunk.first_row, chunk.byte_offset, chunk.data)));
  if (present_.has_value()) return absl::OkStatus();
  pause_ = record_.Ingested(chunk.size_bytes);
  ++chunk_count_;
  unpersisted_bytes_ += chunk.size_bytes;
  if (unpersisted_bytes_ < kProgressBytes) return absl::OkStatus();
  GRAMIAN_RETURN_IF_ERROR(UnlessCommitted(Persist()));
  Send(Progress());
  return absl::OkStatus();
}

bool UploadReactor::IsOpen() const {
  const UploadKey key = KeyOf(*upload_);
  return state_.engine.store().GetUpload(key.layer, key.upload_id).ok();
}

absl::Status UploadReactor::UnlessCommitted(absl::Status status) {
  if (!absl::IsAborted(status)) return status;
  absl::StatusOr<StoredLayer> layer = upload_->Commit();
  if (!layer.ok()) return UploadAborted(layer.status().message());
  present_ = *std::move(layer);
  return absl::OkStatus();
}

absl::Status UploadReactor::Persist() {
  const int64_t chunk_count = chunk_count_;
  GRAMIAN_RETURN_IF_ERROR(upload_->Persist().status());
  persisted_chunk_count_ = chunk_count;
  unpersisted_bytes_ = 0;
  return absl::OkStatus();
}

v1::UploadLayerResponse UploadReactor::Progress() const {
  v1::UploadLayerResponse response;
  v1::UploadProgress* progress = response.mutable_progress();
  progress->set_received_bytes(upload_->received_bytes());
  progress->set_received_row_count(upload_->received_rows());
  progress->set_persisted_bytes(upload_->persisted_bytes());
  progress->set_persisted_chunk_count(persisted_chunk_count_);
  return response;
}

void UploadReactor::HandleEnd() {
  if (context_->IsCancelled()) {
    Stop(record_.WithCause(absl::CancelledError("the client ended the upload"), *context_));
  } else if (upload_ == nullptr) {
    Stop(absl::InvalidArgumentError("the stream ended without a header"));
  } else if (!partial_ || upload_->is_complete()) {
    Commit();
  } else if (absl::Status status = Persist(); status.ok()) {
    const v1::UploadLayerResponse progress = Progress();
    upload_streams_.Leave(*upload_, this);
    upload_.reset();
    End(absl::OkStatus(), &progress);
  } else if (absl::IsAborted(status)) {
    Commit();  // Perhaps another stream has.
  } else {
    Stop(Named(status));
  }
}

void UploadReactor::Commit() {
  const RepresentationShape& shape = upload_->plan().shape;
  if (KeptShape(shape) == shape) {
    CommitHere();
  } else {
    // Never refused: there are not more jobs than streams.
    state_.batch.Resume([this] { CommitHere(); });
  }
}

absl::Status UploadReactor::WhyStopped() {
  {
    MutexLock lock(mutex_);
    if (!interruption_.ok()) return interruption_;
  }
  return record_.WithCause(absl::CancelledError("the client ended the upload"), *context_);
}

void UploadReactor::CommitHere() {
  absl::StatusOr<StoredLayer> layer;
  try {
    layer = upload_->Commit(stop_.get_token());
  } catch (const std::bad_alloc&) {
    // The upload waits for a better moment.
    Stop(Named(OutOfMemory("out of memory")));
    return;
  }
  if (layer.ok()) {
    EndCommitted(*layer);
  } else if (absl::IsAborted(layer.status())) {
    Stop(Named(UploadAborted(layer.status().message())));
  } else if (absl::IsCancelled(layer.status())) {
    Stop(Named(WhyStopped()));
  } else if (absl::IsFailedPrecondition(layer.status()) && !upload_->is_complete()) {
    Stop(WithReason(absl::InvalidArgumentError(Named(layer.status()).message()), "ROWS_MISSING"));
  } else {
    // What the disk refused is open still, and waits for a better moment.
    if (!IsOpen()) {
      upload_streams_.Interrupt(KeyOf(*upload_),
                                UploadAborted("another stream could not commit the upload"), this);
    }
    Stop(Named(layer.status()));
  }
}

void UploadReactor::EndCommitted(const StoredLayer& layer) {
  v1::UploadLayerResponse response;
  *response.mutable_committed() = ToProto(layer);
  if (upload_ != nullptr) {
    upload_streams_.Forget(KeyOf(*upload_));
    upload_streams_.Leave(*upload_, this);
    upload_.reset();
  }
  End(absl::OkStatus(), &response);
}

void UploadReactor::Stop(const absl::Status& status) {
  if (upload_ == nullptr) {
    End(status);
    return;
  }
  const bool draining = HasReason(status, "DRAINING");
  const bool was_only_stream = upload_streams_.Leave(*upload_, this);
  const UploadKey key = KeyOf(*upload_);
  std::optional<v1::UploadLayerResponse> last;
  if (id_chosen_here_ && was_only_stream && !draining) {
    // Gone already if its commit failed.
    state_.engine.store().AbortUpload(key.layer, key.upload_id).IgnoreError();
  } else if (Persist().ok()) {
    last = Progress();
  }
  if (!IsOpen()) upload_streams_.Forget(key);
  if (draining) {
    last.emplace().mutable_draining()->set_persisted_chunk_count(persisted_chunk_count_);
  }
  // Before the client can know: its next upload must find the bytes free.
  upload_.reset();
  End(status, last.has_value() ? &*last : nullptr);
}

void UploadReactor::Send(const v1::UploadLayerResponse& response) {
  {
    MutexLock lock(mutex_);
    if (writing_) {
      next_response_ = Serialize(response);
      return;
    }
    writing_ = true;
    response_ = Serialize(response);
  }
  StartWrite(&response_);
}

void UploadReactor::OnWriteDone(bool /*ok*/) {
  bool write = false;
  {
    MutexLock lock(mutex_);
    // What the end has to say says more.
    write = next_response_.has_value() && phase_ != Phase::kEnding;
    if (write) {
      response_ = *std::move(next_response_);
      next_response_.reset();
    } else {
      writing_ = false;
      if (phase_ != Phase::kEnding) return;
    }
  }
  if (write) {
    StartWrite(&response_);
  } else {
    SendEnd();
  }
}

void UploadReactor::EndIfIdleSince(std::chrono::steady_clock::time_point time) {
  int64_t limit_seconds = state_.options.upload_idle_seconds;
  {
    MutexLock lock(mutex_);
    if (phase_ != Phase::kReading) return;
    // Who has said nothing yet has no place, and must not stay for the price of none.
    const std::chrono::seconds left(limit_seconds - std::min(limit_seconds, kHeaderSeconds));
    if (reading_since_ > (waits_for_header_ ? time + left : time)) return;
    if (waits_for_header_) limit_seconds = std::min(limit_seconds, kHeaderSeconds);
    phase_ = Phase::kHandling;
  }
  RunOnPool([this, limit_seconds] {
    Stop(Named(WithReason(absl::DeadlineExceededError(
                              absl::StrCat("the upload brought nothing for ", limit_seconds, " s")),
                          "UPLOAD_IDLE")));
  });
}

void UploadReactor::Interrupt(const absl::Status& status) {
  {
    MutexLock lock(mutex_);
    if (phase_ == Phase::kHandling) {
      if (interruption_.ok()) interruption_ = status;
      stop_.request_stop();
      if (alarm_ != nullptr) alarm_->Cancel();
    }
    if (phase_ != Phase::kReading) return;
    phase_ = Phase::kHandling;
  }
  RunOnPool([this, status] { Stop(Named(status)); });
}

void UploadReactor::End(absl::Status status, const v1::UploadLayerResponse* last) {
  {
    MutexLock lock(mutex_);
    phase_ = Phase::kEnding;
    final_status_ = std::move(status);
    if (last != nullptr) final_response_ = Serialize(*last);
    if (writing_) return;
  }
  SendEnd();
}

void UploadReactor::SendEnd() {
  // Before the client can know: its next upload must find the place open.
  if (place_of_.has_value()) open_streams_.FreePlace(*place_of_);
  record_.Close(final_status_);
  if (final_response_.has_value()) {
    StartWriteAndFinish(&*final_response_, grpc::WriteOptions(), ToGrpcStatus(final_status_));
  } else {
    Finish(ToGrpcStatus(final_status_));
  }
}

void UploadReactor::OnCancel() {
  stop_.request_stop();
  MutexLock lock(mutex_);
  is_gone_ = true;
  if (alarm_ != nullptr) alarm_->Cancel();
}

void UploadReactor::OnDone() {
  open_streams_.Remove(this);
  if (upload_ != nullptr) upload_streams_.Leave(*upload_, this);
  delete this;
}

absl::Status UploadReactor::Named(const absl::Status& status) const {
  if (status.ok() || layer_name_.empty()) return status;
  absl::Status named(status.code(), absl::StrCat(status.message(), " (layer ", layer_name_, ")"));
  status.ForEachPayload([&named](absl::string_view url, const absl::Cord& payload) {
    named.SetPayload(url, payload);
  });
  return named;
}

}  // namespace gramian
