// Where activations live: names, content, uploads and probe sets, in memory or in a directory.
#ifndef GRAMIAN_STORE_ACTIVATION_STORE_H_
#define GRAMIAN_STORE_ACTIVATION_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gramian/base/file_system.h"
#include "gramian/representation/representation.h"
#include "gramian/store/layer.h"
#include "gramian/store/upload.h"

namespace gramian {

// Limits and place of a store.
struct StoreOptions {
  std::string data_dir;  // empty: in memory, gone with the process
  // > 0, of activations committed and announced, and of probe sets
  int64_t limit_bytes = int64_t{4} << 30;
  // > 0, of all probe sets, whose ids are in memory with a data directory too
  int64_t probe_set_limit_bytes = int64_t{256} << 20;
  int64_t layers_per_snapshot = 4096;  // > 0
  int64_t disk_reserve_bytes = 0;      // free space of the file system that is left alone
  int64_t max_uploads = 1024;          // open per project
  absl::Duration retain_age =
      absl::InfiniteDuration();  // unpinned snapshots not used for so long go
  // > 0: so many bytes of content that no pinned snapshot names are kept; beyond it unpinned
  // snapshots go, least recently used first, but none whose content is all named by pinned ones
  int64_t retain_bytes = 0;
  FileSystem* files = nullptr;  // null: the real one; not owned
  // Told, while the store opens and later, what had to be given up: DATA_LOSS naming a file. Called
  // on any thread, must not call the store. May be empty.
  std::function<void(const absl::Status&)> on_damage;
  // Told, while the store opens, of each file that goes because nothing names it: what an earlier
  // process did not finish. May be empty.
  std::function<void(const std::string&)> on_removal;
};

// Totals for metrics.
struct StoreStats {
  int64_t layers = 0;
  int64_t bytes = 0;           // of the content of committed layers, each content once
  int64_t reserved_bytes = 0;  // promised to open uploads
  int64_t limit_bytes = 0;
  int64_t uploads = 0;            // open
  int64_t free_disk_bytes = -1;   // -1 in memory
  int64_t quarantined_blobs = 0;  // found damaged since the start
  int64_t resumed_uploads = 0;    // streams that found something persisted
  int64_t expired_uploads = 0;
  int64_t retired_snapshots = 0;  // deleted by retention
};

// What a backup holds.
struct BackupSummary {
  absl::Time time;  // what was committed before this is in it
  int64_t layers = 0;
  int64_t contents = 0;    // files of activations; equal layers share one
  int64_t bytes = 0;       // of these files
  bool is_linked = false;  // the files are names of the server's own, on the same file system
};

// Thread-safe. What a method acknowledged survives a killed process (with a data directory): a
// commit is a synced blob, a synced rename and a synced metadata transaction, in this order.
// Readers get shared pointers: deleting never pulls data from under a computation. Reading metadata
// never waits for the disk; Load, uploads and everything that changes something may.
class ActivationStore {
 public:
  // FAILED_PRECONDITION if another process has the directory open, its format is newer, or there
  // are activations but no metadata that name them (nothing is touched then); DATA_LOSS, naming the
  // file, if the metadata is damaged; PERMISSION_DENIED or UNAVAILABLE if it cannot be read or
  // written. Damaged blobs are no error: they are moved to quarantine/ when found, and named.
  static absl::StatusOr<std::unique_ptr<ActivationStore>> Open(const StoreOptions& options);
  // Uploads must not be used any more; representations may.
  virtual ~ActivationStore() = default;

  // --- Uploads. The open upload with this layer and upload_id, which the caller joins, or a new
  // one. ALREADY_EXISTS, FAILED_PRECONDITION (other header than the open upload's; rows that do not
  // fit the probe set, naming the first difference), RESOURCE_EXHAUSTED with a reason (see
  // error_reason.h): NEVER_FITS, MEMORY_PRESSURE, DISK_FULL, TOO_MANY_UPLOADS.
  virtual absl::StatusOr<std::shared_ptr<Upload>> OpenUpload(const UploadPlan& plan) = 0;
  // The committed layer if the content that `plan` announces by its digest is there under this
  // name, or elsewhere in the project, in which case it is committed under this name without an
  // upload. NOT_FOUND if it has to be sent; other errors as OpenUpload.
  virtual absl::StatusOr<StoredLayer> CommitKnownContent(const UploadPlan& plan) = 0;
  // NOT_FOUND if it never began, was committed, aborted or dropped.
  virtual absl::StatusOr<std::shared_ptr<Upload>> GetUpload(const LayerKey& key,
                                                            const std::string& upload_id) const = 0;
  virtual absl::Status AbortUpload(const LayerKey& key, const std::string& upload_id) = 0;
  // Drops uploads that nobody holds (no shared_ptr outside the store) and nothing was appended to
  // since `time`. Returns how many.
  virtual int64_t ExpireUploads(absl::Time time) = 0;

  // --- Layers.
  // NOT_FOUND names the part that is missing: network, step or layer.
  virtual absl::StatusOr<StoredLayer> GetLayer(const LayerKey& key) const = 0;
  // The activations: mapped, and verified against the digest when first read after a start.
  // DATA_LOSS, naming the digest, if they are damaged (the blob is then in quarantine); NOT_FOUND
  // if nothing names that content any more.
  virtual absl::StatusOr<std::shared_ptr<const Representation>> Load(const StoredLayer& layer) = 0;
  // Layers by ordinal, then name. NOT_FOUND if the snapshot has none.
  virtual absl::StatusOr<std::vector<StoredLayer>> ListLayers(const SnapshotKey& key) const = 0;
  // Snapshots of a network by ascending step; empty if it is unknown.
  virtual std::vector<SnapshotSummary> ListSnapshots(const std::string& project,
                                                     const std::string& network) const = 0;
  // Names of a project's networks, ascending.
  virtual std::vector<std::string> ListNetworks(const std::string& project) const = 0;
  // NOT_FOUND if it does not exist. Returns what went; content that no layer names any more is
  // removed after that is durable.
  virtual absl::StatusOr<SnapshotSummary> DeleteSnapshot(const SnapshotKey& key) = 0;
  virtual absl::StatusOr<std::vector<SnapshotSummary>> DeleteNetwork(
      const std::string& project, const std::string& network) = 0;
  virtual absl::StatusOr<SnapshotSummary> PinSnapshot(const SnapshotKey& key, bool pinned) = 0;
  // Bytes of committed and announced content of a project, and of its probe sets (for quotas).
  virtual int64_t ProjectBytes(const std::string& project) const = 0;
  // Uploads of a project that are open.
  virtual int64_t ProjectUploads(const std::string& project) const = 0;
  // Layers of a project. O(snapshots).
  virtual int64_t ProjectLayers(const std::string& project) const = 0;
  // Projects that have a layer, ascending.
  virtual std::vector<std::string> ListProjects() const = 0;
  // Bytes that the store holds in memory: all content without a data directory, and the probe sets.
  virtual int64_t MemoryBytes() const = 0;
  // Deletes snapshots as the options say, and calls `retired` for each; returns how many.
  virtual absl::StatusOr<int64_t> ApplyRetention(
      absl::Time now, const std::function<void(const SnapshotKey&)>& retired) = 0;
  absl::StatusOr<int64_t> ApplyRetention(absl::Time now) {
    return ApplyRetention(now, [](const SnapshotKey&) {});
  }

  // --- Probe sets.
  // OK and the earlier one if it is there already, equal. ALREADY_EXISTS, naming the first
  // difference, if it is there with another count or order, or layers that name it do not fit.
  // Its KeptBytes count like content: RESOURCE_EXHAUSTED with the reason NEVER_FITS,
  // MEMORY_PRESSURE or DISK_FULL.
  virtual absl::StatusOr<ProbeSet> CreateProbeSet(const ProbeSet& probe_set) = 0;
  virtual absl::StatusOr<ProbeSet> GetProbeSet(const std::string& project,
                                               const std::string& id) const = 0;
  // By id, without their input ids.
  virtual std::vector<ProbeSet> ListProbeSets(const std::string& project) const = 0;
  // FAILED_PRECONDITION, naming one, if a layer or an open upload names it.
  virtual absl::Status DeleteProbeSet(const std::string& project, const std::string& id) = 0;

  // Makes `directory`, which does not exist, a data directory with all layers, snapshots and probe
  // sets of one moment; uploads that are open then are not in it, nor are cached scores. Commits
  // and deletions wait while the catalog is copied and each file gets a second name: some 10 us a
  // file. Where both directories are on one file system that is all; otherwise the files are
  // copied, and synced, while everything goes on. It appears as a whole or not at all.
  // FAILED_PRECONDITION without a data directory, ALREADY_EXISTS, UNAVAILABLE (reason
  // BACKUP_RUNNING) while another runs, CANCELLED, RESOURCE_EXHAUSTED (reason DISK_FULL), and
  // errors of FileSystem.
  // `add` may put more into the folder before it appears, under a name that has no meaning here.
  using AddToBackup = std::function<absl::Status(const std::string& directory)>;
  virtual absl::StatusOr<BackupSummary> Backup(const std::string& directory, std::stop_token stop,
                                               const AddToBackup& add) = 0;
  absl::StatusOr<BackupSummary> Backup(const std::string& directory, std::stop_token stop) {
    return Backup(directory, std::move(stop), [](const std::string&) { return absl::OkStatus(); });
  }

  virtual StoreStats Stats() const = 0;
};

}  // namespace gramian

#endif  // GRAMIAN_STORE_ACTIVATION_STORE_H_
