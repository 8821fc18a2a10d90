// Blobs as files of a data directory.
#ifndef GRAMIAN_STORE_DIRECTORY_BLOB_STORE_H_
#define GRAMIAN_STORE_DIRECTORY_BLOB_STORE_H_

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/file_system.h"
#include "gramian/base/mutex.h"
#include "gramian/store/blob_store.h"
#include "gramian/store/safetensors.h"

namespace gramian {

// Under the directory: blobs/ab/<digest>.safetensors, ab being the first two digits;
// uploads/<part>.part, a safetensors file with all its blocks that is filled; and quarantine/. A
// rename within one file system turns a part into a blob.
class DirectoryBlobStore final : public BlobStore {
 public:
  // Creates what is missing of the directory. `files` outlives the store.
  static absl::StatusOr<std::unique_ptr<DirectoryBlobStore>> Open(FileSystem* files,
                                                                  const std::string& directory);

  absl::StatusOr<std::unique_ptr<BlobPart>> CreatePart(const RepresentationShape& shape) override;
  absl::StatusOr<std::unique_ptr<BlobPart>> OpenPart(const std::string& name,
                                                     const RepresentationShape& shape) override;
  void RemovePart(const std::string& name) override;
  absl::Status Publish(const BlobPart& part,
                       const std::shared_ptr<const Representation>& content) override;
  absl::Status Unpublish(const Digest& digest, const std::string& part) override;
  absl::StatusOr<std::shared_ptr<const Representation>> Load(const Digest& digest,
                                                             const RepresentationShape& shape,
                                                             bool verify) override;
  void Remove(const Digest& digest) override;
  absl::StatusOr<std::string> Quarantine(const Digest& digest) override;
  absl::Status Link(const Digest& digest, const std::string& directory) override;
  absl::StatusOr<int64_t> FreeBytes() override;
  absl::StatusOr<int64_t> TotalBytes() override;

  // For the start: digests of all blob files; other files are not ours and stay.
  absl::StatusOr<std::vector<Digest>> ListBlobs();
  absl::StatusOr<std::vector<std::string>> ListParts();
  // Whether size and header of a blob are those of `shape`, without reading its data. Errors of
  // Load.
  absl::Status Check(const Digest& digest, const RepresentationShape& shape);
  // The part that a blob was made from; empty if its header does not say.
  std::string PartOf(const Digest& digest);
  // The same, and leaves the blob, which layers name: copies it.
  absl::Status CopyToPart(const Digest& digest, const std::string& part);

 private:
  DirectoryBlobStore(FileSystem* files, const std::string& directory);

  std::string BlobDirectory(const Digest& digest) const;
  std::string BlobPath(const Digest& digest) const;
  std::string PartPath(const std::string& name) const;
  // A file whose header says `shape`, and how long that header is.
  struct OpenFile {
    std::unique_ptr<File> file;
    int64_t data_begin = 0;
  };
  absl::StatusOr<OpenFile> OpenChecked(const std::string& path, const RepresentationShape& shape,
                                       bool writable);
  absl::Status PrepareDirectory(const Digest& digest);

  FileSystem* const files_;
  const std::string directory_;
  const std::string uploads_;
  const std::string blobs_;
  const std::string quarantine_;
  Mutex mutex_;
  std::set<std::string> prepared_ GRAMIAN_GUARDED_BY(mutex_);  // Directories known to be there.
};

}  // namespace gramian

#endif  // GRAMIAN_STORE_DIRECTORY_BLOB_STORE_H_
