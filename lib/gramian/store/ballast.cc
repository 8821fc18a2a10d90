#include "gramian/store/ballast.h"

#include <utility>

#include "gramian/base/error_reason.h"
#include "gramian/base/mutex.h"

namespace gramian {
namespace {

class BallastCatalog final : public Catalog {
 public:
  BallastCatalog(std::unique_ptr<Catalog> catalog, FileSystem* files, std::string path)
      : catalog_(std::move(catalog)), files_(files), path_(std::move(path)) {
    Fill();
  }

  absl::StatusOr<CatalogContents> Read() override { return catalog_->Read(); }
  absl::Status PutLayer(const StoredLayer& layer, const std::string& part) override {
    Fill();
    return catalog_->PutLayer(layer, part);
  }
  absl::Status RemoveSnapshots(absl::Span<const SnapshotKey> keys) override {
    absl::Status status = catalog_->RemoveSnapshots(keys);
    if (HasReason(status, "DISK_FULL") && Drop()) status = catalog_->RemoveSnapshots(keys);
    return status;
  }
  absl::Status UpdateSnapshots(absl::Span<const SnapshotRecord> snapshots) override {
    Fill();
    return catalog_->UpdateSnapshots(snapshots);
  }
  absl::Status PutUpload(const UploadRecord& upload) override {
    return catalog_->PutUpload(upload);
  }
  absl::Status RemoveUploads(absl::Span<const std::string> parts) override {
    return catalog_->RemoveUploads(parts);
  }
  absl::Status AddProbeSet(const ProbeSet& probe_set) override {
    return catalog_->AddProbeSet(probe_set);
  }
  absl::Status RemoveProbeSet(const std::string& project, const std::string& id) override {
    return catalog_->RemoveProbeSet(project, id);
  }
  absl::Status CopyTo(const std::string& path) override { return catalog_->CopyTo(path); }

 private:
  void Fill() {
    MutexLock lock(mutex_);
    if (is_there_) return;
    // Without room not even a file without bytes stays behind.
    const absl::Status created = files_->Create(path_, kBallastBytes).status();
    is_there_ = created.ok() || absl::IsAlreadyExists(created);
  }

  // False if there is no room to be had from it.
  bool Drop() {
    MutexLock lock(mutex_);
    return std::exchange(is_there_, false) && files_->Remove(path_).ok();
  }

  const std::unique_ptr<Catalog> catalog_;
  FileSystem* const files_;
  const std::string path_;
  Mutex mutex_;
  bool is_there_ GRAMIAN_GUARDED_BY(mutex_) = false;
};

}  // namespace

std::unique_ptr<Catalog> WithBallast(std::unique_ptr<Catalog> catalog, FileSystem* files,
                                     const std::string& path) {
  return std::make_unique<BallastCatalog>(std::move(catalog), files, path);
}

}  // namespace gramian
