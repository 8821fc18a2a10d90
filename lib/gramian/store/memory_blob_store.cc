#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/mutex.h"
#include "gramian/store/blob_store.h"

namespace gramian {
namespace {

class MemoryPart final : public BlobPart {
 public:
  MemoryPart(std::string name, RepresentationBuilder builder)
      : name_(std::move(name)), builder_(std::move(builder)) {}
  const std::string& name() const override { return name_; }
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::StatusOr<RepresentationBuilder> NewBuilder(
      absl::Span<const ByteRange> /*persisted*/) override {
    return std::move(builder_);
  }

 private:
  const std::string name_;
  RepresentationBuilder builder_;
};

class MemoryBlobStore final : public BlobStore {
 public:
  absl::StatusOr<std::unique_ptr<BlobPart>> CreatePart(const RepresentationShape& shape) override {
    absl::StatusOr<RepresentationBuilder> builder = RepresentationBuilder::Create(shape);
    if (!builder.ok()) return builder.status();
    MutexLock lock(mutex_);
    return std::make_unique<MemoryPart>(absl::StrCat(++parts_), *std::move(builder));
  }
  absl::StatusOr<std::unique_ptr<BlobPart>> OpenPart(const std::string& name,
                                                     const RepresentationShape&) override {
    return absl::NotFoundError(absl::StrCat("there is no part '", name, "'"));
  }
  void RemovePart(const std::string&) override {}

  absl::Status Publish(const BlobPart&,
                       const std::shared_ptr<const Representation>& content) override {
    MutexLock lock(mutex_);
    blobs_.insert_or_assign(content->digest(), content);
    return absl::OkStatus();
  }
  absl::Status Unpublish(const Digest& digest, const std::string& part) override {
    Remove(digest);
    return absl::NotFoundError(absl::StrCat("part '", part, "' was used up"));
  }
  absl::StatusOr<std::shared_ptr<const Representation>> Load(const Digest& digest,
                                                             const RepresentationShape&,
                                                             bool) override {
    MutexLock lock(mutex_);
    const auto it = blobs_.find(digest);
    if (it == blobs_.end()) {
      return absl::NotFoundError(absl::StrCat("there is no blob ", digest.ToHex()));
    }
    return it->second;
  }
  void Remove(const Digest& digest) override {
    std::shared_ptr<const Representation> removed;  // Freed after the lock is released.
    MutexLock lock(mutex_);
    const auto it = blobs_.find(digest);
    if (it == blobs_.end()) return;
    removed = std::move(it->second);
    blobs_.erase(it);
  }
  absl::StatusOr<std::string> Quarantine(const Digest& digest) override {
    Remove(digest);
    return digest.ToHex();
  }
  absl::Status Link(const Digest&, const std::string&) override {
    return absl::UnimplementedError("blobs in memory have no files");
  }
  absl::StatusOr<int64_t> FreeBytes() override { return -1; }
  absl::StatusOr<int64_t> TotalBytes() override { return -1; }

 private:
  Mutex mutex_;
  std::map<Digest, std::shared_ptr<const Representation>> blobs_ GRAMIAN_GUARDED_BY(mutex_);
  int64_t parts_ GRAMIAN_GUARDED_BY(mutex_) = 0;
};

}  // namespace

std::unique_ptr<BlobStore> NewMemoryBlobStore() { return std::make_unique<MemoryBlobStore>(); }

}  // namespace gramian
