// The real file system, until a test wants it to fail.
#ifndef GRAMIAN_TESTS_TESTING_FAULTY_FILE_SYSTEM_H_
#define GRAMIAN_TESTS_TESTING_FAULTY_FILE_SYSTEM_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gramian/base/file_system.h"
#include "gramian/base/mutex.h"
#include "tests/testing/temporary_directory.h"

namespace gramian::testing {

enum class FileOperation {
  kCreate,
  kOpen,
  kWrite,
  kSync,
  kRead,
  kMap,
  kRename,
  kLink,
  kRemove,
  kCreateDirectories,
  kList,
  kSyncDirectory,
  kFreeBytes
};

// Thread-safe. Outlives its files.
class FaultyFileSystem final : public FileSystem {
 public:
  FaultyFileSystem();
  ~FaultyFileSystem() override;

  // The operation fails with `status` once, after `skip` more that succeed. A write that fails
  // leaves half of its bytes behind.
  void FailOnce(FileOperation operation, const absl::Status& status, int64_t skip = 0);
  // After `steps` more operations that change something nothing works any more, as after a kill. A
  // write at that moment leaves half of its bytes behind.
  void StopAfter(int64_t steps);
  // One more step, of something that is not a file: fails once everything has stopped.
  absl::Status Step();
  // Files that are open now.
  int64_t open_files() const { return open_files_; }
  // Operations so far that change something.
  int64_t steps() const;
  // Undoes what was not synced, whoever had it open: bytes written, names created, changed and
  // removed.
  void CutPower();
  // What FreeBytes says from now on.
  void SetFreeBytes(int64_t bytes);

  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path, int64_t size) override;
  absl::StatusOr<std::unique_ptr<File>> OpenExisting(const std::string& path,
                                                     bool writable) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Link(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override;
  // Does not fail by itself.
  absl::StatusOr<int64_t> TotalBytes(const std::string& path) override;

 private:
  class FaultyFile;
  struct Fault {
    FileOperation operation;
    absl::Status status;
    int64_t skip;
  };
  // A change of names that is not synced yet.
  struct NameChange {
    std::string from;  // empty: created
    std::string to;    // empty: removed
    std::string kept;  // where a removed file is kept meanwhile
  };
  // Bytes that a write replaced and no sync made final.
  struct Unsynced {
    std::shared_ptr<File> file;  // Keeps the inode from being given away.
    uint64_t inode;
    int64_t offset;
    std::string before;
  };

  // Whether the operation may go on.
  absl::Status Admit(FileOperation operation);
  void Remember(const std::shared_ptr<File>& file, uint64_t inode, int64_t offset, int64_t size);
  void Forget(uint64_t inode);

  FileSystem& real_ = RealFileSystem();
  std::atomic<int64_t> open_files_{0};
  const TemporaryDirectory removed_;
  mutable Mutex mutex_;
  std::vector<Fault> faults_ GRAMIAN_GUARDED_BY(mutex_);
  int64_t steps_ GRAMIAN_GUARDED_BY(mutex_) = 0;
  int64_t last_step_ GRAMIAN_GUARDED_BY(mutex_) = std::numeric_limits<int64_t>::max();
  int64_t free_bytes_ GRAMIAN_GUARDED_BY(mutex_) = -1;
  int64_t kept_ GRAMIAN_GUARDED_BY(mutex_) = 0;
  std::vector<NameChange> names_ GRAMIAN_GUARDED_BY(mutex_);
  std::vector<Unsynced> unsynced_ GRAMIAN_GUARDED_BY(mutex_);
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_FAULTY_FILE_SYSTEM_H_
