#include "gramian/store/upload_session.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/machine.h"
#include "gramian/base/status_macros.h"
#include "gramian/tangent/pullback_factor.h"

namespace gramian {
namespace {

int64_t SumOf(const std::vector<ByteRange>& ranges) {
  int64_t sum = 0;
  for (const ByteRange& range : ranges) sum += range.end - range.begin;
  return sum;
}

}  // namespace

UploadSession::UploadSession(UploadHost* host, UploadPlan plan, int64_t size_bytes,
                             std::unique_ptr<BlobPart> part, RepresentationBuilder builder,
                             std::vector<ByteRange> persisted)
    : host_(host),
      plan_(std::move(plan)),
      size_bytes_(size_bytes),
      reserved_bytes_(BytesWhileOpen(plan_.shape).value_or(size_bytes)),
      part_(std::move(part)),
      touched_nanos_(absl::ToUnixNanos(std::min(part_->write_time(), absl::Now()))),
      builder_(std::move(builder)),
      persisted_(std::move(persisted)) {
  MutexLock lock(bytes_mutex_);
  CountReceived();
}

absl::Status UploadSession::Gone() const {
  return absl::AbortedError(absl::StrCat("upload '", plan_.upload_id, "' of layer '",
                                         plan_.description.key.layer,
                                         "' was committed or dropped"));
}

void UploadSession::CountReceived() {
  received_bytes_ = builder_->received_bytes();
  received_rows_ = builder_->complete_rows();
}

absl::Status UploadSession::Append(int64_t first_row, int64_t byte_offset,
                                   absl::Span<const absl::string_view> data) {
  MutexLock lock(bytes_mutex_);
  if (!builder_.has_value()) return Gone();
  GRAMIAN_RETURN_IF_ERROR(builder_->Append(first_row, byte_offset, data));
  CountReceived();
  touched_nanos_ = absl::ToUnixNanos(absl::Now());
  return absl::OkStatus();
}

absl::StatusOr<int64_t> UploadSession::Persist() {
  MutexLock whole(whole_mutex_);
  UploadRecord record{part_->name(), plan_, {}};
  {
    MutexLock lock(bytes_mutex_);
    if (!builder_.has_value()) return Gone();
    for (const auto& [begin, end] : builder_->received()) record.persisted.push_back({begin, end});
  }
  {
    MutexLock lock(state_mutex_);
    if (record.persisted == persisted_) return SumOf(persisted_);
  }
  const absl::Status synced = part_->Sync();
  if (absl::IsUnavailable(synced)) return synced;
  if (!synced.ok()) {
    // What the system has given up writing looks written from now on: no later sync can be trusted.
    {
      MutexLock lock(bytes_mutex_);
      builder_.reset();
    }
    result_ = synced;
    host_->Drop(*this);
    return synced;
  }
  GRAMIAN_RETURN_IF_ERROR(host_->SaveUpload(record));
  MutexLock lock(state_mutex_);
  persisted_ = std::move(record.persisted);
  return SumOf(persisted_);
}

int64_t UploadSession::persisted_bytes() const {
  MutexLock lock(state_mutex_);
  return SumOf(persisted_);
}

std::vector<ByteRange> UploadSession::persisted() const {
  MutexLock lock(state_mutex_);
  return persisted_;
}

absl::StatusOr<StoredLayer> UploadSession::Commit(std::stop_token stop) {
  MutexLock whole(whole_mutex_);
  if (result_.has_value()) return *result_;
  // Before the upload is given up for its content: one that cannot be synced now is whole still.
  const bool was_complete = is_complete();
  const absl::Status synced = was_complete ? part_->Sync() : absl::OkStatus();
  if (absl::IsUnavailable(synced)) return synced;
  absl::StatusOr<std::shared_ptr<const Representation>> content;
  {
    MutexLock lock(bytes_mutex_);
    if (!builder_.has_value()) return Gone();
    content = std::move(*builder_).Finish();
    if (absl::IsFailedPrecondition(content.status())) return content.status();
    builder_.reset();
  }
  const absl::Status settled = synced.ok() ? Settle(content, was_complete) : synced;
  if (settled.ok()) {
    absl::StatusOr<StoredLayer> layer;
    try {
      layer = Publish(*content, stop);
    } catch (const std::bad_alloc&) {
      // A status, so that the upload opens again.
      layer =
          MemoryPressure("no memory to commit the upload", reserved_bytes_, UsableMemoryBytes());
    }
    if (!layer.ok() && Reopen(layer.status())) return layer;
    result_ = std::move(layer);
  } else {
    result_ = settled;
  }
  if (!result_->ok()) host_->Drop(*this);
  return *result_;
}

absl::StatusOr<StoredLayer> UploadSession::Publish(
    const std::shared_ptr<const Representation>& sent, const std::stop_token& stop) {
  if (KeptShape(sent->shape()) == sent->shape()) return host_->Publish(*this, sent, nullptr);
  GRAMIAN_ASSIGN_OR_RETURN(const ReducedContent reduced, host_->Reduce(*sent, stop));
  return host_->Publish(*this, reduced.factors, &reduced);
}

bool UploadSession::Reopen(const absl::Status& why) {
  // What the layer itself is refused for does not pass.
  if (absl::IsAlreadyExists(why) || absl::IsFailedPrecondition(why) ||
      absl::IsInvalidArgument(why) || HasReason(why, "NEVER_FITS")) {
    return false;
  }
  absl::StatusOr<RepresentationBuilder> builder = host_->Reopen(*this);
  if (!builder.ok()) return false;
  MutexLock lock(bytes_mutex_);
  builder_ = *std::move(builder);
  return true;
}

absl::Status UploadSession::Settle(
    const absl::StatusOr<std::shared_ptr<const Representation>>& content, bool is_synced) {
  if (!content.ok()) return content.status();
  const std::string digest = (*content)->digest().ToHex();
  if (!plan_.expected_digest.empty() && !absl::EqualsIgnoreCase(plan_.expected_digest, digest)) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat("the content has digest ", digest,
                                                ", announced was ", plan_.expected_digest)),
        "DIGEST_MISMATCH");
  }
  return is_synced ? absl::OkStatus() : part_->Sync();
}

bool UploadSession::Abort() {
  MutexLock whole(whole_mutex_);
  {
    MutexLock lock(bytes_mutex_);
    if (!builder_.has_value()) return false;
    builder_.reset();
  }
  result_ = Gone();
  host_->Drop(*this);
  return true;
}

}  // namespace gramian
