// How layers get into the store: the half of StoreCore that deals with uploads.
#include <algorithm>
#include <random>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/status_macros.h"
#include "gramian/store/store_core.h"
#include "gramian/tangent/pullback_factor.h"

namespace gramian {
namespace {

std::string RandomId() {
  std::random_device random;
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad8), absl::Hex(random(), absl::kZeroPad8));
}

// Whether `bytes` more fit in the limit of `what`, of which `used` are in use.
absl::Status CheckFits(absl::string_view what, int64_t bytes, int64_t used, int64_t limit) {
  if (bytes > limit) {
    return NeverFits(absl::StrCat(bytes, " bytes exceed the ", what, " limit of ", limit), bytes,
                     limit);
  }
  if (bytes <= limit - used) return absl::OkStatus();
  return MemoryPressure(
      absl::StrCat(bytes, " bytes do not fit, ", used, " of ", limit, " are in use"), bytes, limit);
}

std::string ToString(const RepresentationShape& shape) {
  std::string text = absl::StrCat(ToString(shape.dtype), " ", shape.rows, " x ", shape.cols);
  if (!shape.layout.is_tangent()) return text;
  return absl::StrCat(text, " ", ToString(shape.layout.kind), " in ", shape.layout.coordinates,
                      " coordinates");
}

// What a second header of one upload says differently; empty if nothing.
std::string Difference(const UploadPlan& is, const UploadPlan& asked) {
  if (is.shape != asked.shape) {
    return absl::StrCat(ToString(is.shape), ", not ", ToString(asked.shape));
  }
  if (is.expected_digest != asked.expected_digest) {
    return absl::StrCat("digest '", is.expected_digest, "', not '", asked.expected_digest, "'");
  }
  if (is.input_ids_digest != asked.input_ids_digest) {
    return absl::StrCat("input ids with the digest '", is.input_ids_digest, "', not '",
                        asked.input_ids_digest, "'");
  }
  if (is.on_conflict != asked.on_conflict) return "another rule for conflicts";
  return Difference(is.description, asked.description);
}

// The plan as it is kept: ids only by their digest, digests in one case.
UploadPlan Kept(UploadPlan plan) {
  if (!plan.input_ids.empty()) plan.input_ids_digest = DigestOfInputIds(plan.input_ids);
  plan.input_ids.clear();
  absl::AsciiStrToLower(&plan.input_ids_digest);
  absl::AsciiStrToLower(&plan.expected_digest);
  return plan;
}

}  // namespace

absl::Status StoreCore::CheckInputsOf(const UploadPlan& plan) const {
  const LayerDescription& description = plan.description;
  const ProbeSet* probe_set =
      probe_sets_.Find(description.key.snapshot.project, description.probe_set);
  if (probe_set == nullptr) return absl::OkStatus();
  return CheckInputs(*probe_set, plan.shape.rows, plan.input_ids, plan.input_ids_digest);
}

absl::Status StoreCore::CheckLayerCount(const LayerKey& key) const {
  if (index_.Find(key) != nullptr) return absl::OkStatus();
  if (index_.LayerCount(key.snapshot) < options_.layers_per_snapshot) return absl::OkStatus();
  return NeverFits(absl::StrCat(NameOf(key.snapshot), " has the limit of ",
                                options_.layers_per_snapshot, " layers"),
                   options_.layers_per_snapshot + 1, options_.layers_per_snapshot);
}

absl::Status StoreCore::CheckConflict(const UploadPlan& plan, const Digest* digest) const {
  const LayerKey& key = plan.description.key;
  const StoredLayer* earlier = index_.Find(key);
  if (earlier == nullptr || plan.on_conflict == OnConflict::kReplace) return absl::OkStatus();
  const bool is_equal =
      earlier->shape == KeptShape(plan.shape) &&
      (digest == nullptr || *digest == earlier->digest || *digest == earlier->sent_digest());
  std::string difference = is_equal
                               ? Difference(earlier->description, plan.description)
                               : absl::StrCat("other content, digest ", earlier->digest.ToHex());
  if (difference.empty() && !MayBeSameInputs(earlier->input_ids_digest, plan.input_ids_digest)) {
    difference = absl::StrCat("input ids with the digest '", earlier->input_ids_digest, "', not '",
                              plan.input_ids_digest, "'");
  }
  if (difference.empty()) return absl::OkStatus();
  return WithReason(
      absl::AlreadyExistsError(absl::StrCat("layer '", key.layer, "' of ", NameOf(key.snapshot),
                                            " exists with ", difference)),
      is_equal ? "DESCRIPTION_DIFFERS" : "CONTENT_DIFFERS");
}

StoredLayer StoreCore::LayerOf(const UploadPlan& plan, int64_t size, const Digest& digest) const {
  const LayerDescription& description = plan.description;
  StoredLayer layer{description, plan.shape, size, digest, absl::Now(), plan.input_ids_digest};
  const StoredLayer* earlier = index_.Find(description.key);
  if (earlier == nullptr || earlier->digest != digest) return layer;
  if (Difference(earlier->description, description).empty()) {
    layer.create_time = earlier->create_time;
  }
  if (layer.input_ids_digest.empty() && earlier->description.probe_set == description.probe_set) {
    layer.input_ids_digest = earlier->input_ids_digest;
  }
  return layer;
}

absl::StatusOr<std::shared_ptr<UploadSession>> StoreCore::Join(const UploadPlan& plan) {
  const auto it = sessions_.find({plan.description.key, plan.upload_id});
  if (it == sessions_.end()) return std::shared_ptr<UploadSession>();
  const std::string difference = Difference(it->second->plan(), plan);
  if (!difference.empty()) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat("upload '", plan.upload_id,
                                                                 "' was begun with ", difference)),
                      "UPLOAD_DIFFERS");
  }
  if (it->second->persisted_bytes() > 0) ++counters_.resumed_uploads;
  return it->second;
}

absl::Status StoreCore::CheckOpen(const UploadPlan& plan, int64_t size) const {
  const LayerKey& key = plan.description.key;
  const std::optional<Digest> digest = Digest::FromHex(plan.expected_digest);
  GRAMIAN_RETURN_IF_ERROR(CheckConflict(plan, digest.has_value() ? &*digest : nullptr));
  GRAMIAN_RETURN_IF_ERROR(CheckLayerCount(key));
  const int64_t uploads = CountUploads(key.snapshot.project);
  if (uploads >= options_.max_uploads) {
    return WithLimit(absl::ResourceExhaustedError(
                         absl::StrCat("project '", key.snapshot.project, "' has the limit of ",
                                      options_.max_uploads, " open uploads")),
                     "TOO_MANY_UPLOADS", uploads + 1, options_.max_uploads);
  }
  return CheckRoom(size);
}

absl::Status StoreCore::CheckRoom(int64_t size) const {
  return CheckFits("store's", size, index_.bytes() + probe_sets_.bytes() + reserved_bytes_,
                   options_.limit_bytes);
}

absl::Status StoreCore::CheckProbeSetRoom(int64_t size) const {
  GRAMIAN_RETURN_IF_ERROR(
      CheckFits("probe sets'", size, probe_sets_.bytes(), options_.probe_set_limit_bytes));
  return CheckRoom(size);
}

absl::Status StoreCore::CheckDisk(int64_t size) {
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t free, blobs_->FreeBytes());
  const int64_t left = free - options_.disk_reserve_bytes;
  if (free < 0 || size <= left) return absl::OkStatus();
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t total, blobs_->TotalBytes());
  const int64_t most = std::max<int64_t>(total - options_.disk_reserve_bytes, 0);
  if (size > most) {
    return NeverFits(absl::StrCat(size, " bytes exceed the disk, which has ", total, " of which ",
                                  options_.disk_reserve_bytes, " are left alone"),
                     size, most);
  }
  return DiskFull(absl::StrCat(size, " bytes do not fit on the disk, ", free, " are free and ",
                               options_.disk_reserve_bytes, " of them are left alone"),
                  size, std::max<int64_t>(left, 0));
}

absl::StatusOr<std::shared_ptr<Upload>> StoreCore::OpenUpload(const UploadPlan& asked) {
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, SizeBytes(asked.shape));
  if (!asked.expected_digest.empty() && !Digest::FromHex(asked.expected_digest).has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", asked.expected_digest, "' is not a digest of 32 hexadecimal digits"));
  }
  UploadPlan plan = Kept(asked);
  if (plan.upload_id.empty()) plan.upload_id = RandomId();
  {
    MutexLock lock(mutex_);
    GRAMIAN_RETURN_IF_ERROR(CheckInputsOf(asked));
    GRAMIAN_ASSIGN_OR_RETURN(std::shared_ptr<UploadSession> session, Join(plan));
    if (session != nullptr) return session;
  }
  GRAMIAN_ASSIGN_OR_RETURN(std::shared_ptr<UploadSession> session, Begin(std::move(plan), size));
  return session;
}

absl::StatusOr<std::shared_ptr<UploadSession>> StoreCore::Begin(UploadPlan plan, int64_t size) {
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t reserved, BytesWhileOpen(plan.shape));
  MutexLock open(open_mutex_);
  {
    MutexLock lock(mutex_);
    // Another stream may have begun it in the meantime.
    GRAMIAN_ASSIGN_OR_RETURN(std::shared_ptr<UploadSession> session, Join(plan));
    if (session != nullptr) return session;
    GRAMIAN_RETURN_IF_ERROR(CheckOpen(plan, reserved));
    reserved_bytes_ += reserved;
  }
  const auto create = [&]() -> absl::StatusOr<std::shared_ptr<UploadSession>> {
    GRAMIAN_RETURN_IF_ERROR(CheckDisk(reserved));
    GRAMIAN_ASSIGN_OR_RETURN(std::unique_ptr<BlobPart> part, blobs_->CreatePart(plan.shape));
    absl::StatusOr<RepresentationBuilder> builder = part->NewBuilder({});
    if (!builder.ok()) {
      blobs_->RemovePart(part->name());
      return builder.status();
    }
    UploadHost* const host = this;
    return std::make_shared<UploadSession>(host, plan, size, std::move(part), *std::move(builder),
                                           std::vector<ByteRange>());
  };
  absl::StatusOr<std::shared_ptr<UploadSession>> session = create();
  MutexLock lock(mutex_);
  if (session.ok()) {
    sessions_.emplace(SessionKey{plan.description.key, plan.upload_id}, *session);
  } else {
    reserved_bytes_ -= reserved;
  }
  return session;
}

absl::StatusOr<std::shared_ptr<Upload>> StoreCore::GetUpload(const LayerKey& key,
                                                             const std::string& upload_id) const {
  MutexLock lock(mutex_);
  const auto it = sessions_.find({key, upload_id});
  if (it == sessions_.end()) {
    return absl::NotFoundError(absl::StrCat("layer '", key.layer, "' of ", NameOf(key.snapshot),
                                            " has no open upload '", upload_id, "'"));
  }
  return it->second;
}

absl::Status StoreCore::AbortUpload(const LayerKey& key, const std::string& upload_id) {
  std::shared_ptr<UploadSession> session;
  {
    MutexLock lock(mutex_);
    const auto it = sessions_.find({key, upload_id});
    if (it != sessions_.end()) session = it->second;
  }
  if (session != nullptr && session->Abort()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("layer '", key.layer, "' of ", NameOf(key.snapshot),
                                          " has no open upload '", upload_id, "'"));
}

int64_t StoreCore::ExpireUploads(absl::Time time) {
  std::vector<std::shared_ptr<UploadSession>> idle;
  {
    MutexLock lock(mutex_);
    for (const auto& [key, session] : sessions_) {
      // Who wants to hold it has to come through the lock.
      if (session.use_count() == 1 && session->touched() < time) idle.push_back(session);
    }
  }
  int64_t expired = 0;
  for (const std::shared_ptr<UploadSession>& session : idle) expired += session->Abort() ? 1 : 0;
  MutexLock lock(mutex_);
  counters_.expired_uploads += expired;
  return expired;
}

void StoreCore::Forget(const UploadSession& session) {
  const auto it = sessions_.find({session.plan().description.key, session.plan().upload_id});
  if (it == sessions_.end() || it->second.get() != &session) return;
  reserved_bytes_ -= session.reserved_bytes();
  sessions_.erase(it);
}

absl::Status StoreCore::SaveUpload(const UploadRecord& record) {
  return catalog_->PutUpload(record);
}

void StoreCore::Drop(const UploadSession& session) {
  // A record that stays behind has lost its part and goes when the store opens next.
  (void)catalog_->RemoveUploads({session.part().name()});
  blobs_->RemovePart(session.part().name());
  MutexLock lock(mutex_);
  Forget(session);
}

absl::StatusOr<StoredLayer> StoreCore::Publish(const UploadSession& session,
                                               const std::shared_ptr<const Representation>& content,
                                               const ReducedContent* reduced) {
  const UploadPlan& plan = session.plan();
  const Digest& digest = content->digest();
  const std::string& part = session.part().name();
  // One that became a blob is gone already.
  const absl::Cleanup remove_reduced = [this, reduced] {
    if (reduced != nullptr) blobs_->RemovePart(reduced->part->name());
  };
  MutexLock change(change_mutex_);
  StoredLayer layer;
  bool is_new = false;
  bool is_stored = false;
  {
    MutexLock lock(mutex_);
    GRAMIAN_RETURN_IF_ERROR(CheckConflict(plan, &digest));
    GRAMIAN_RETURN_IF_ERROR(CheckLayerCount(plan.description.key));
    GRAMIAN_RETURN_IF_ERROR(CheckInputsOf(plan));
    const std::shared_ptr<Content> known = index_.FindContent(digest);
    is_new = known == nullptr;
    // Bytes that just arrived are better than a blob that nobody has read since the start.
    is_stored = known != nullptr && known->verified && !known->damaged;
    layer = LayerOf(plan, content->size_bytes(), digest);
    layer.shape = content->shape();
    if (reduced != nullptr) layer.reduced_from = reduced->from;
  }
  const absl::Status published =
      is_stored ? absl::OkStatus()
                : blobs_->Publish(reduced != nullptr ? *reduced->part : session.part(), content);
  const absl::Status kept = published.ok() ? catalog_->PutLayer(layer, part) : published;
  if (!kept.ok()) {
    // After any other error of the catalog it may name the blob when it is opened next.
    if (published.ok() && !absl::IsResourceExhausted(kept)) uncertain_.insert(digest);
    if (is_new && uncertain_.count(digest) == 0) {
      // What it was reduced from is still in the part.
      if (reduced != nullptr) {
        blobs_->Remove(digest);
      } else {
        TakeBack(digest, session);
      }
    }
    return kept;
  }
  std::vector<Digest> unused;
  {
    MutexLock lock(mutex_);
    unused = index_.Put(layer, absl::Now());
    Forget(session);
    Content& stored = *index_.FindContent(digest);
    if (!is_stored) {
      stored.damaged = false;
      stored.verified = true;
      stored.loaded = content;
    }
  }
  for (const Digest& gone : unused) blobs_->Remove(gone);
  if (is_stored || reduced != nullptr) blobs_->RemovePart(part);
  return layer;
}

absl::StatusOr<ReducedContent> StoreCore::Reduce(const Representation& sent,
                                                 const std::stop_token& stop) {
  constexpr int64_t kStepBytes = int64_t{1} << 20;
  const RepresentationShape shape = KeptShape(sent.shape());
  ReducedContent reduced;
  GRAMIAN_ASSIGN_OR_RETURN(reduced.part, blobs_->CreatePart(shape));
  const auto fill = [&]() -> absl::Status {
    GRAMIAN_ASSIGN_OR_RETURN(RepresentationBuilder builder, reduced.part->NewBuilder({}));
    const int64_t row_bytes = shape.cols * static_cast<int64_t>(sizeof(double));
    const int64_t step = std::max<int64_t>(kStepBytes / row_bytes, 1);
    std::vector<double> factors(static_cast<size_t>(std::min(step, shape.rows) * shape.cols));
    for (int64_t first = 0; first < shape.rows; first += step) {
      if (stop.stop_requested()) return absl::CancelledError("reducing tangent data was stopped");
      const int64_t count = std::min(step, shape.rows - first);
      GRAMIAN_RETURN_IF_ERROR(FactorRows(sent, first, count, factors.data()));
      const auto* const bytes = reinterpret_cast<const char*>(factors.data());
      GRAMIAN_RETURN_IF_ERROR(builder.Append(
          first, 0, absl::string_view(bytes, static_cast<size_t>(count * row_bytes))));
    }
    GRAMIAN_ASSIGN_OR_RETURN(reduced.factors, std::move(builder).Finish());
    return reduced.part->Sync();
  };
  const absl::Status filled = fill();
  if (!filled.ok()) {
    blobs_->RemovePart(reduced.part->name());
    return filled;
  }
  reduced.from = sent.digest();
  return reduced;
}

void StoreCore::TakeBack(const Digest& digest, const UploadSession& session) {
  const std::string& part = session.part().name();
  if (blobs_->OpenPart(part, session.plan().shape).ok()) return;
  if (!blobs_->Unpublish(digest, part).ok()) blobs_->Remove(digest);
}

absl::StatusOr<RepresentationBuilder> StoreCore::Reopen(const UploadSession& session) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::unique_ptr<BlobPart> part,
                           blobs_->OpenPart(session.part().name(), session.plan().shape));
  const ByteRange all{0, session.size_bytes()};
  return part->NewBuilder(absl::MakeConstSpan(&all, 1));
}

absl::StatusOr<StoredLayer> StoreCore::CommitKnownContent(const UploadPlan& asked) {
  absl::StatusOr<StoredLayer> layer = PublishKnownContent(asked);
  // What an earlier attempt brought of it is not needed any more. Who still brings something holds
  // the session, and will be told the same.
  if (layer.ok()) DropUnheldUpload(asked.description.key, asked.upload_id);
  return layer;
}

void StoreCore::DropUnheldUpload(const LayerKey& key, const std::string& upload_id) {
  std::shared_ptr<UploadSession> unheld;
  {
    MutexLock lock(mutex_);
    const auto it = sessions_.find({key, upload_id});
    if (it != sessions_.end() && it->second.use_count() == 1) unheld = it->second;
  }
  if (unheld != nullptr) unheld->Abort();
}

absl::StatusOr<StoredLayer> StoreCore::PublishKnownContent(const UploadPlan& asked) {
  const LayerKey& key = asked.description.key;
  const auto unknown = [&key] {
    return absl::NotFoundError(
        absl::StrCat("the content of layer '", key.layer, "' has to be sent"));
  };
  const std::optional<Digest> sent = Digest::FromHex(asked.expected_digest);
  if (!sent.has_value()) return unknown();
  const UploadPlan plan = Kept(asked);
  std::shared_ptr<Content> content;
  std::optional<Digest> reduced_from;
  {
    MutexLock lock(mutex_);
    GRAMIAN_RETURN_IF_ERROR(CheckInputsOf(asked));
    GRAMIAN_RETURN_IF_ERROR(CheckConflict(plan, &*sent));
    const std::optional<Digest> kept = index_.FindReduction(key.snapshot.project, *sent);
    if (kept.has_value()) reduced_from = sent;
    const StoredLayer* earlier = index_.Find(key);
    if (earlier != nullptr && earlier->reduced_from == sent &&
        !index_.FindContent(earlier->digest)->damaged &&
        Difference(earlier->description, plan.description).empty() &&
        (plan.input_ids_digest.empty() || plan.input_ids_digest == earlier->input_ids_digest)) {
      return *earlier;
    }
    content = index_.FindContent(kept.value_or(*sent));
    if (content == nullptr || content->damaged || content->shape != KeptShape(plan.shape) ||
        content->layers.count(key.snapshot.project) == 0) {
      return unknown();
    }
    if (earlier != nullptr && earlier->digest == *sent &&
        Difference(earlier->description, plan.description).empty() &&
        LayerOf(plan, earlier->size_bytes, *sent).input_ids_digest == earlier->input_ids_digest) {
      return *earlier;
    }
    GRAMIAN_RETURN_IF_ERROR(CheckLayerCount(key));
  }
  // What is acknowledged without a byte is read back first.
  const auto loaded = LoadContent(content);
  if (absl::IsDataLoss(loaded.status()) || absl::IsNotFound(loaded.status())) return unknown();
  GRAMIAN_RETURN_IF_ERROR(loaded.status());

  MutexLock change(change_mutex_);
  StoredLayer layer;
  {
    MutexLock lock(mutex_);
    if (index_.FindContent(content->digest) != content || content->damaged ||
        content->layers.count(key.snapshot.project) == 0) {
      return unknown();
    }
    GRAMIAN_RETURN_IF_ERROR(CheckConflict(plan, &*sent));
    GRAMIAN_RETURN_IF_ERROR(CheckLayerCount(key));
    // The probe set may have been created in the meantime.
    GRAMIAN_RETURN_IF_ERROR(CheckInputsOf(asked));
    layer = LayerOf(plan, content->size_bytes, content->digest);
    layer.shape = content->shape;
    layer.reduced_from = reduced_from;
  }
  GRAMIAN_RETURN_IF_ERROR(catalog_->PutLayer(layer, ""));
  std::vector<Digest> unused;
  {
    MutexLock lock(mutex_);
    unused = index_.Put(layer, absl::Now());
  }
  for (const Digest& gone : unused) blobs_->Remove(gone);
  return layer;
}

}  // namespace gramian
