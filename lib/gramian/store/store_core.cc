#include "gramian/store/store_core.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/status_macros.h"

namespace gramian {

StoreCore::StoreCore(const StoreOptions& options, std::unique_ptr<DirectoryLock> lock,
                     std::unique_ptr<BlobStore> blobs, std::unique_ptr<Catalog> catalog)
    : options_(options),
      lock_(std::move(lock)),
      blobs_(std::move(blobs)),
      catalog_(std::move(catalog)) {}

// --- Start.

absl::Status StoreCore::Restore(const Recovered& recovered) {
  {
    MutexLock lock(mutex_);
    for (const StoredLayer& layer : recovered.contents.layers) {
      index_.Put(layer, layer.create_time);
      if (recovered.lost.count(layer.digest) > 0) index_.FindContent(layer.digest)->damaged = true;
    }
    for (const SnapshotRecord& snapshot : recovered.contents.snapshots) {
      index_.SetPinned(snapshot.key, snapshot.pinned);
      index_.SetUsed(snapshot.key, snapshot.used);
    }
    index_.SetNoted(recovered.contents.snapshots);
    for (const ProbeSet& probe_set : recovered.contents.probe_sets) {
      probe_sets_.Add(probe_set);
    }
    counters_.quarantined_blobs = static_cast<int64_t>(recovered.lost.size());
  }
  for (const UploadRecord& upload : recovered.contents.uploads) {
    const absl::Status status = RestoreUpload(upload);
    if (status.ok()) continue;
    if (!absl::IsDataLoss(status) && !absl::IsNotFound(status)) return status;
    GRAMIAN_RETURN_IF_ERROR(catalog_->RemoveUploads({upload.part}));
    blobs_->RemovePart(upload.part);
    if (options_.on_damage) {
      options_.on_damage(absl::DataLossError(
          absl::StrCat("upload '", upload.plan.upload_id, "' of layer '",
                       upload.plan.description.key.layer, "' is lost: ", status.message())));
    }
  }
  return absl::OkStatus();
}

absl::Status StoreCore::RestoreUpload(const UploadRecord& upload) {
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, SizeBytes(upload.plan.shape));
  GRAMIAN_ASSIGN_OR_RETURN(std::unique_ptr<BlobPart> part,
                           blobs_->OpenPart(upload.part, upload.plan.shape));
  GRAMIAN_ASSIGN_OR_RETURN(RepresentationBuilder builder, part->NewBuilder(upload.persisted));
  UploadHost* const host = this;
  const auto session = std::make_shared<UploadSession>(host, upload.plan, size, std::move(part),
                                                       std::move(builder), upload.persisted);
  const int64_t reserved = session->reserved_bytes();
  MutexLock lock(mutex_);
  sessions_.emplace(SessionKey{upload.plan.description.key, upload.plan.upload_id}, session);
  reserved_bytes_ += reserved;
  return absl::OkStatus();
}

// --- Layers.

absl::StatusOr<StoredLayer> StoreCore::GetLayer(const LayerKey& key) const {
  MutexLock lock(mutex_);
  return index_.GetLayer(key);
}

absl::StatusOr<std::vector<StoredLayer>> StoreCore::ListLayers(const SnapshotKey& key) const {
  MutexLock lock(mutex_);
  return index_.ListLayers(key);
}

std::vector<SnapshotSummary> StoreCore::ListSnapshots(const std::string& project,
                                                      const std::string& network) const {
  MutexLock lock(mutex_);
  return index_.ListSnapshots(project, network);
}

std::vector<std::string> StoreCore::ListNetworks(const std::string& project) const {
  MutexLock lock(mutex_);
  return index_.ListNetworks(project);
}

absl::StatusOr<std::shared_ptr<const Representation>> StoreCore::Load(const StoredLayer& layer) {
  std::shared_ptr<Content> content;
  {
    MutexLock lock(mutex_);
    index_.SetUsed(layer.description.key.snapshot, absl::Now());
    content = index_.FindContent(layer.digest);
    if (content == nullptr) {
      return absl::NotFoundError(absl::StrCat("layer '", layer.description.key.layer, "' of ",
                                              NameOf(layer.description.key.snapshot),
                                              " was deleted or replaced"));
    }
    if (auto loaded = content->loaded.lock()) return loaded;
  }
  return LoadContent(content);
}

absl::StatusOr<std::shared_ptr<const Representation>> StoreCore::LoadContent(
    const std::shared_ptr<Content>& content) {
  MutexLock load(content->load_mutex);
  while (true) {
    bool verified = false;
    {
      MutexLock lock(mutex_);
      if (auto loaded = content->loaded.lock()) return loaded;
      if (content->damaged) {
        return absl::DataLossError(
            absl::StrCat("content ", content->digest.ToHex(), " is lost, upload it again"));
      }
      verified = content->verified;
    }
    auto loaded = blobs_->Load(content->digest, content->shape, !verified);
    if (absl::IsNotFound(loaded.status()) || absl::IsDataLoss(loaded.status())) {
      const absl::Status lost = GiveUp(content, verified, loaded.status());
      if (!lost.ok()) return lost;
      continue;
    }
    if (!loaded.ok()) return loaded.status();
    MutexLock lock(mutex_);
    content->loaded = *loaded;
    content->verified = true;
    return loaded;
  }
}

absl::Status StoreCore::GiveUp(const std::shared_ptr<Content>& content, bool was_verified,
                               const absl::Status& why) {
  MutexLock change(change_mutex_);
  {
    MutexLock lock(mutex_);
    if (index_.FindContent(content->digest) != content) {
      return absl::NotFoundError(
          absl::StrCat("no layer has the content ", content->digest.ToHex(), " any more"));
    }
    if (content->verified && !was_verified) return absl::OkStatus();
    content->damaged = true;
    ++counters_.quarantined_blobs;
  }
  std::string text = absl::StrCat("content ", content->digest.ToHex(),
                                  " is lost, upload it again: ", why.message());
  if (!absl::IsNotFound(why)) {
    const absl::StatusOr<std::string> place = blobs_->Quarantine(content->digest);
    absl::StrAppend(&text, place.ok() ? absl::StrCat("; moved to ", *place)
                                      : absl::StrCat("; ", place.status().message()));
  }
  const absl::Status status = absl::DataLossError(text);
  if (options_.on_damage) options_.on_damage(status);
  return status;
}

absl::StatusOr<SnapshotSummary> StoreCore::DeleteSnapshot(const SnapshotKey& key) {
  MutexLock change(change_mutex_);
  absl::StatusOr<SnapshotSummary> summary;
  {
    MutexLock lock(mutex_);
    summary = index_.Summarize(key);
  }
  if (!summary.ok()) return summary.status();
  GRAMIAN_RETURN_IF_ERROR(RemoveSnapshots({key}));
  return summary;
}

absl::StatusOr<std::vector<SnapshotSummary>> StoreCore::DeleteNetwork(const std::string& project,
                                                                      const std::string& network) {
  MutexLock change(change_mutex_);
  std::vector<SnapshotSummary> summaries;
  {
    MutexLock lock(mutex_);
    summaries = index_.ListSnapshots(project, network);
  }
  if (summaries.empty()) {
    return absl::NotFoundError(
        absl::StrCat("project '", project, "' has no network '", network, "'"));
  }
  std::vector<SnapshotKey> keys;
  for (const SnapshotSummary& summary : summaries) keys.push_back({project, network, summary.step});
  GRAMIAN_RETURN_IF_ERROR(RemoveSnapshots(keys));
  return summaries;
}

absl::Status StoreCore::RemoveSnapshots(absl::Span<const SnapshotKey> keys) {
  GRAMIAN_RETURN_IF_ERROR(catalog_->RemoveSnapshots(keys));
  std::vector<Digest> unused;
  {
    MutexLock lock(mutex_);
    for (const SnapshotKey& key : keys) {
      const std::vector<Digest> more = index_.Remove(key);
      unused.insert(unused.end(), more.begin(), more.end());
    }
  }
  for (const Digest& digest : unused) blobs_->Remove(digest);
  return absl::OkStatus();
}

absl::StatusOr<SnapshotSummary> StoreCore::PinSnapshot(const SnapshotKey& key, bool pinned) {
  MutexLock change(change_mutex_);
  {
    MutexLock lock(mutex_);
    GRAMIAN_RETURN_IF_ERROR(index_.Summarize(key).status());
  }
  GRAMIAN_RETURN_IF_ERROR(catalog_->UpdateSnapshots({{key, pinned, absl::Now()}}));
  MutexLock lock(mutex_);
  index_.SetPinned(key, pinned);
  index_.SetUsed(key, absl::Now());
  return index_.Summarize(key);
}

int64_t StoreCore::ProjectBytes(const std::string& project) const {
  MutexLock lock(mutex_);
  int64_t bytes = index_.ProjectBytes(project) + probe_sets_.ProjectBytes(project);
  for (const auto& [key, session] : sessions_) {
    if (key.first.snapshot.project == project) bytes += session->reserved_bytes();
  }
  return bytes;
}

int64_t StoreCore::ProjectUploads(const std::string& project) const {
  MutexLock lock(mutex_);
  return CountUploads(project);
}

int64_t StoreCore::CountUploads(const std::string& project) const {
  return std::count_if(sessions_.begin(), sessions_.end(), [&](const auto& session) {
    return session.first.first.snapshot.project == project;
  });
}

int64_t StoreCore::ProjectLayers(const std::string& project) const {
  MutexLock lock(mutex_);
  return index_.ProjectLayers(project);
}

std::vector<std::string> StoreCore::ListProjects() const {
  MutexLock lock(mutex_);
  return index_.ListProjects();
}

int64_t StoreCore::MemoryBytes() const {
  MutexLock lock(mutex_);
  const int64_t content = options_.data_dir.empty() ? index_.bytes() + reserved_bytes_ : 0;
  return content + probe_sets_.bytes();
}

StoreStats StoreCore::Stats() const {
  const absl::StatusOr<int64_t> free = blobs_->FreeBytes();
  MutexLock lock(mutex_);
  StoreStats stats = counters_;
  stats.layers = index_.layer_count();
  stats.bytes = index_.bytes();
  stats.reserved_bytes = reserved_bytes_;
  stats.limit_bytes = options_.limit_bytes;
  stats.uploads = static_cast<int64_t>(sessions_.size());
  stats.free_disk_bytes = free.value_or(-1);
  return stats;
}

// --- Retention.

bool StoreCore::HasUpload(const SnapshotKey& key) const {
  // Sessions are in the order of their keys: those of a snapshot stand together.
  const auto it = sessions_.lower_bound({{key, ""}, ""});
  return it != sessions_.end() && it->first.first.snapshot == key;
}

bool StoreCore::MayRetire(const SnapshotRecord& record, absl::Time now) const {
  const bool is_old =
      options_.retain_age != absl::InfiniteDuration() && record.used < now - options_.retain_age;
  const bool is_too_much = options_.retain_bytes > 0 &&
                           index_.unpinned_bytes() > options_.retain_bytes &&
                           index_.HoldsUnpinned(record.key);
  return (is_old || is_too_much) && !HasUpload(record.key);
}

absl::Status StoreCore::NoteUses() {
  std::vector<SnapshotRecord> used;
  {
    MutexLock lock(mutex_);
    used = index_.ListUnnoted();
  }
  if (used.empty()) return absl::OkStatus();
  GRAMIAN_RETURN_IF_ERROR(catalog_->UpdateSnapshots(used));
  MutexLock lock(mutex_);
  index_.SetNoted(used);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> StoreCore::ApplyRetention(
    absl::Time now, const std::function<void(const SnapshotKey&)>& retired) {
  MutexLock change(change_mutex_);
  // A full disk is what retention is there for.
  const absl::Status noted = NoteUses();
  if (!noted.ok() && !HasReason(noted, "DISK_FULL")) return noted;
  if (options_.retain_age == absl::InfiniteDuration() && options_.retain_bytes <= 0) return 0;
  std::vector<SnapshotRecord> candidates;
  {
    MutexLock lock(mutex_);
    candidates = index_.ListUnpinned();
  }
  std::stable_sort(
      candidates.begin(), candidates.end(),
      [](const SnapshotRecord& a, const SnapshotRecord& b) { return a.used < b.used; });
  int64_t count = 0;
  for (const SnapshotRecord& record : candidates) {
    {
      MutexLock lock(mutex_);
      if (!MayRetire(record, now)) continue;
    }
    GRAMIAN_RETURN_IF_ERROR(RemoveSnapshots({record.key}));
    retired(record.key);
    ++count;
    MutexLock lock(mutex_);
    ++counters_.retired_snapshots;
  }
  return count;
}

// --- Probe sets.

absl::StatusOr<std::optional<ProbeSet>> StoreCore::FindEqual(const ProbeSet& probe_set) const {
  const ProbeSet* earlier = probe_sets_.Find(probe_set.project, probe_set.id);
  if (earlier == nullptr) {
    // Uploads that are open would be refused when they are committed.
    GRAMIAN_RETURN_IF_ERROR(index_.CheckUsers(probe_set));
    return std::nullopt;
  }
  const absl::Status fits =
      CheckInputs(*earlier, probe_set.input_count, probe_set.input_ids, probe_set.input_ids_digest);
  if (!fits.ok()) return absl::AlreadyExistsError(fits.message());
  return *earlier;
}

absl::StatusOr<ProbeSet> StoreCore::CreateProbeSet(const ProbeSet& asked) {
  ProbeSet probe_set = asked;
  if (!probe_set.input_ids.empty()) {
    probe_set.input_count = static_cast<int64_t>(probe_set.input_ids.size());
    probe_set.input_ids_digest = DigestOfInputIds(probe_set.input_ids);
  }
  probe_set.create_time = absl::Now();
  const int64_t size = KeptBytes(probe_set);
  MutexLock change(change_mutex_);
  {
    MutexLock lock(mutex_);
    GRAMIAN_ASSIGN_OR_RETURN(std::optional<ProbeSet> equal, FindEqual(probe_set));
    if (equal.has_value()) return *std::move(equal);
    GRAMIAN_RETURN_IF_ERROR(CheckProbeSetRoom(size));
    reserved_bytes_ += size;
  }
  // A transaction is written twice: to the log, and from there to the database.
  absl::Status status = CheckDisk(2 * size);
  if (status.ok()) status = catalog_->AddProbeSet(probe_set);
  MutexLock lock(mutex_);
  reserved_bytes_ -= size;
  if (!status.ok()) return status;
  probe_sets_.Add(probe_set);
  return probe_set;
}

absl::StatusOr<ProbeSet> StoreCore::GetProbeSet(const std::string& project,
                                                const std::string& id) const {
  MutexLock lock(mutex_);
  const ProbeSet* probe_set = probe_sets_.Find(project, id);
  if (probe_set != nullptr) return *probe_set;
  return absl::NotFoundError(absl::StrCat("project '", project, "' has no probe set '", id, "'"));
}

std::vector<ProbeSet> StoreCore::ListProbeSets(const std::string& project) const {
  MutexLock lock(mutex_);
  return probe_sets_.List(project);
}

absl::Status StoreCore::DeleteProbeSet(const std::string& project, const std::string& id) {
  MutexLock change(change_mutex_);
  {
    MutexLock lock(mutex_);
    if (probe_sets_.Find(project, id) == nullptr) {
      return absl::NotFoundError(
          absl::StrCat("project '", project, "' has no probe set '", id, "'"));
    }
    const auto refuse = [&](const char* what, const LayerKey& key) {
      return absl::FailedPreconditionError(absl::StrCat("probe set '", id, "' is named by ", what,
                                                        " layer '", key.layer, "' of ",
                                                        NameOf(key.snapshot)));
    };
    if (const StoredLayer* layer = index_.FindUser(project, id)) {
      return refuse("the", layer->description.key);
    }
    for (const auto& [key, session] : sessions_) {
      const LayerDescription& description = session->plan().description;
      if (description.key.snapshot.project == project && description.probe_set == id) {
        return refuse("an open upload of", key.first);
      }
    }
  }
  GRAMIAN_RETURN_IF_ERROR(catalog_->RemoveProbeSet(project, id));
  MutexLock lock(mutex_);
  probe_sets_.Remove(project, id);
  return absl::OkStatus();
}

}  // namespace gramian
