// The store itself: the index in memory in front of the two seams.
#ifndef GRAMIAN_STORE_STORE_CORE_H_
#define GRAMIAN_STORE_STORE_CORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gramian/base/mutex.h"
#include "gramian/store/activation_store.h"
#include "gramian/store/blob_store.h"
#include "gramian/store/catalog.h"
#include "gramian/store/directory_lock.h"
#include "gramian/store/probe_sets.h"
#include "gramian/store/recovery.h"
#include "gramian/store/store_index.h"
#include "gramian/store/upload_session.h"

namespace gramian {

// Order of locks: open_mutex_, a session's, a content's load_mutex, change_mutex_, mutex_. mutex_
// is never held while something waits for the disk; change_mutex_ is held by every change of
// layers, from its checks to its end, so that the index follows the catalog.
class StoreCore final : public ActivationStore, private UploadHost {
 public:
  // `lock` is null in memory.
  StoreCore(const StoreOptions& options, std::unique_ptr<DirectoryLock> lock,
            std::unique_ptr<BlobStore> blobs, std::unique_ptr<Catalog> catalog);

  // Takes over what was there before; nobody else calls yet. Uploads whose parts are damaged are
  // dropped. An error if something cannot be read now.
  absl::Status Restore(const Recovered& recovered);

  absl::StatusOr<std::shared_ptr<Upload>> OpenUpload(const UploadPlan& plan) override;
  absl::StatusOr<StoredLayer> CommitKnownContent(const UploadPlan& plan) override;
  absl::StatusOr<std::shared_ptr<Upload>> GetUpload(const LayerKey& key,
                                                    const std::string& upload_id) const override;
  absl::Status AbortUpload(const LayerKey& key, const std::string& upload_id) override;
  int64_t ExpireUploads(absl::Time time) override;

  absl::StatusOr<StoredLayer> GetLayer(const LayerKey& key) const override;
  absl::StatusOr<std::shared_ptr<const Representation>> Load(const StoredLayer& layer) override;
  absl::StatusOr<std::vector<StoredLayer>> ListLayers(const SnapshotKey& key) const override;
  std::vector<SnapshotSummary> ListSnapshots(const std::string& project,
                                             const std::string& network) const override;
  std::vector<std::string> ListNetworks(const std::string& project) const override;
  absl::StatusOr<SnapshotSummary> DeleteSnapshot(const SnapshotKey& key) override;
  absl::StatusOr<std::vector<SnapshotSummary>> DeleteNetwork(const std::string& project,
                                                             const std::string& network) override;
  absl::StatusOr<SnapshotSummary> PinSnapshot(const SnapshotKey& key, bool pinned) override;
  int64_t ProjectBytes(const std::string& project) const override;
  int64_t ProjectUploads(const std::string& project) const override;
  int64_t ProjectLayers(const std::string& project) const override;
  std::vector<std::string> ListProjects() const override;
  int64_t MemoryBytes() const override;
  absl::StatusOr<int64_t> ApplyRetention(
      absl::Time now, const std::function<void(const SnapshotKey&)>& retired) override;

  absl::StatusOr<ProbeSet> CreateProbeSet(const ProbeSet& probe_set) override;
  absl::StatusOr<ProbeSet> GetProbeSet(const std::string& project,
                                       const std::string& id) const override;
  std::vector<ProbeSet> ListProbeSets(const std::string& project) const override;
  absl::Status DeleteProbeSet(const std::string& project, const std::string& id) override;

  using ActivationStore::Backup;
  absl::StatusOr<BackupSummary> Backup(const std::string& directory, std::stop_token stop,
                                       const AddToBackup& add) override;

  StoreStats Stats() const override;

 private:
  using SessionKey = std::pair<LayerKey, std::string>;

  absl::Status SaveUpload(const UploadRecord& record) override;
  absl::StatusOr<ReducedContent> Reduce(const Representation& sent,
                                        const std::stop_token& stop) override;
  absl::StatusOr<StoredLayer> Publish(const UploadSession& session,
                                      const std::shared_ptr<const Representation>& content,
                                      const ReducedContent* reduced) override;
  absl::StatusOr<RepresentationBuilder> Reopen(const UploadSession& session) override;
  void Drop(const UploadSession& session) override;

  // Makes a blob that no layer names the session's part again, or removes it.
  void TakeBack(const Digest& digest, const UploadSession& session) GRAMIAN_REQUIRES(change_mutex_);
  // CommitKnownContent, which leaves an earlier attempt as it is.
  absl::StatusOr<StoredLayer> PublishKnownContent(const UploadPlan& plan);
  // Drops the open upload if there is one and nobody brings anything.
  void DropUnheldUpload(const LayerKey& key, const std::string& upload_id);
  // The open upload that `plan` joins; null if there is none.
  absl::StatusOr<std::shared_ptr<UploadSession>> Join(const UploadPlan& plan)
      GRAMIAN_REQUIRES(mutex_);
  int64_t CountUploads(const std::string& project) const GRAMIAN_REQUIRES(mutex_);
  // Whether an upload that takes so many bytes may begin.
  absl::Status CheckOpen(const UploadPlan& plan, int64_t size) const GRAMIAN_REQUIRES(mutex_);
  // Whether so many bytes more are within the store's limit, or that of probe sets.
  absl::Status CheckRoom(int64_t size) const GRAMIAN_REQUIRES(mutex_);
  absl::Status CheckProbeSetRoom(int64_t size) const GRAMIAN_REQUIRES(mutex_);
  // Whether the file system has so many bytes beyond the reserve, now or ever.
  absl::Status CheckDisk(int64_t size);
  absl::StatusOr<std::shared_ptr<UploadSession>> Begin(UploadPlan plan, int64_t size);
  // Whether a layer with this description and shape, and this content if it is known, may be there
  // beside what is there now.
  absl::Status CheckConflict(const UploadPlan& plan, const Digest* digest) const
      GRAMIAN_REQUIRES(mutex_);
  absl::Status CheckInputsOf(const UploadPlan& plan) const GRAMIAN_REQUIRES(mutex_);
  // The layer that a kept plan makes of this content: what is known of an earlier one with the
  // same content stays.
  StoredLayer LayerOf(const UploadPlan& plan, int64_t size, const Digest& digest) const
      GRAMIAN_REQUIRES(mutex_);
  absl::Status CheckLayerCount(const LayerKey& key) const GRAMIAN_REQUIRES(mutex_);
  void Forget(const UploadSession& session) GRAMIAN_REQUIRES(mutex_);

  absl::StatusOr<std::shared_ptr<const Representation>> LoadContent(
      const std::shared_ptr<Content>& content);
  absl::Status RestoreUpload(const UploadRecord& upload);
  // Puts damaged content aside and returns what its readers are told; OK if an upload has brought
  // it again since it was looked at, when `was_verified` was false.
  absl::Status GiveUp(const std::shared_ptr<Content>& content, bool was_verified,
                      const absl::Status& why);
  // Removes snapshots, which exist.
  absl::Status RemoveSnapshots(absl::Span<const SnapshotKey> keys) GRAMIAN_REQUIRES(change_mutex_);
  // The earlier probe set if it is equal; nothing if there is none and layers fit the new one.
  absl::StatusOr<std::optional<ProbeSet>> FindEqual(const ProbeSet& probe_set) const
      GRAMIAN_REQUIRES(mutex_);
  bool HasUpload(const SnapshotKey& key) const GRAMIAN_REQUIRES(mutex_);
  // So that the order of use outlives a restart.
  absl::Status NoteUses() GRAMIAN_REQUIRES(change_mutex_);
  // Links all there is under `staging`, as of one moment.
  absl::StatusOr<BackupSummary> Stage(const std::string& staging, FileSystem& files);
  bool MayRetire(const SnapshotRecord& record, absl::Time now) const GRAMIAN_REQUIRES(mutex_);

  const StoreOptions options_;
  const std::unique_ptr<DirectoryLock> lock_;  // Before what it protects.
  const std::unique_ptr<BlobStore> blobs_;
  const std::unique_ptr<Catalog> catalog_;
  Mutex open_mutex_;  // Held while an upload begins.
  Mutex change_mutex_;
  // Content that the catalog may name although it did not say so: it stays until the next start.
  std::set<Digest> uncertain_ GRAMIAN_GUARDED_BY(change_mutex_);
  mutable Mutex mutex_;
  StoreIndex index_ GRAMIAN_GUARDED_BY(mutex_);
  std::map<SessionKey, std::shared_ptr<UploadSession>> sessions_ GRAMIAN_GUARDED_BY(mutex_);
  ProbeSets probe_sets_ GRAMIAN_GUARDED_BY(mutex_);
  int64_t reserved_bytes_ GRAMIAN_GUARDED_BY(mutex_) = 0;
  bool is_backing_up_ GRAMIAN_GUARDED_BY(mutex_) = false;
  StoreStats counters_ GRAMIAN_GUARDED_BY(mutex_);  // Only what Stats cannot derive.
};

}  // namespace gramian

#endif  // GRAMIAN_STORE_STORE_CORE_H_
