// The few things that the stores ask of a file system, so that tests can make each of them fail.
#ifndef GRAMIAN_BASE_FILE_SYSTEM_H_
#define GRAMIAN_BASE_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace gramian {

// An open file. Thread-safe for writes to different places. Closed when destroyed.
class File {
 public:
  virtual ~File() = default;
  // Writes all parts, one after the other, from `offset` on. RESOURCE_EXHAUSTED (reason DISK_FULL)
  // without space, DATA_LOSS for an I/O error, both naming the file; what was written of it is
  // undefined.
  virtual absl::Status WriteAt(int64_t offset, absl::Span<const absl::string_view> parts) = 0;
  // Everything written is on stable storage. After an error it may never be: the file is lost.
  virtual absl::Status Sync() = 0;
  // Reads exactly `size` bytes. DATA_LOSS if the file is shorter or cannot be read.
  virtual absl::Status ReadAt(int64_t offset, int64_t size, char* out) const = 0;
  virtual absl::StatusOr<int64_t> Size() const = 0;
  // When something was last written, by the system's clock.
  virtual absl::StatusOr<absl::Time> WriteTime() const = 0;
  // The first `size` bytes, read-only, seen as they are written; unmapped with the last pointer.
  virtual absl::StatusOr<std::shared_ptr<const std::byte>> Map(int64_t size) const = 0;
};

// Thread-safe. Paths are taken as they are. Errors name the path: NOT_FOUND, ALREADY_EXISTS,
// PERMISSION_DENIED, RESOURCE_EXHAUSTED (reason DISK_FULL), DATA_LOSS for an I/O error or a
// directory in place of a file, else UNAVAILABLE with the system's words.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // A new file of `size` bytes whose blocks are allocated, so that writing cannot run out of space.
  virtual absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path, int64_t size) = 0;
  virtual absl::StatusOr<std::unique_ptr<File>> OpenExisting(const std::string& path,
                                                             bool writable) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  // A second name for the file `from`, whose bytes both share. UNIMPLEMENTED if there can be none:
  // on another file system, or on one without such names.
  virtual absl::Status Link(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  virtual absl::Status CreateDirectories(const std::string& path) = 0;
  // Names of what is in the directory, without "." and "..", ascending.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;
  // Makes creations, renames and removals in the directory survive.
  virtual absl::Status SyncDirectory(const std::string& path) = 0;
  virtual absl::StatusOr<int64_t> FreeBytes(const std::string& path) = 0;
  // Size of the file system that `path` is on, taken and free.
  virtual absl::StatusOr<int64_t> TotalBytes(const std::string& path) = 0;
};

// The operating system's; lives for ever.
FileSystem& RealFileSystem();

}  // namespace gramian

#endif  // GRAMIAN_BASE_FILE_SYSTEM_H_
