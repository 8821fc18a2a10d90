// The files of a store, and how long the disk takes to keep them.
#ifndef GRAMIAN_SERVER_TIMED_FILE_SYSTEM_H_
#define GRAMIAN_SERVER_TIMED_FILE_SYSTEM_H_

#include <prometheus/histogram.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gramian/base/file_system.h"

namespace gramian {

// Another file system, whose syncs of files and folders are timed. Thread-safe.
class TimedFileSystem final : public FileSystem {
 public:
  // `files` outlives this object, as this object does the files it opens.
  explicit TimedFileSystem(FileSystem& files);

  // Seconds of each sync, failed or not.
  const prometheus::Histogram& sync_seconds() const { return sync_seconds_; }

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
  absl::StatusOr<int64_t> TotalBytes(const std::string& path) override;

 private:
  FileSystem& files_;
  prometheus::Histogram sync_seconds_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_TIMED_FILE_SYSTEM_H_
