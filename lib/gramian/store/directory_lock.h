// Keeps two processes out of one data directory.
#ifndef GRAMIAN_STORE_DIRECTORY_LOCK_H_
#define GRAMIAN_STORE_DIRECTORY_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace gramian {

// Holds the file LOCK of a directory until it is destroyed or the process ends, however it ends.
class DirectoryLock {
 public:
  // FAILED_PRECONDITION if someone else holds it; PERMISSION_DENIED or UNAVAILABLE if the file
  // cannot be written.
  static absl::StatusOr<std::unique_ptr<DirectoryLock>> Acquire(const std::string& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

}  // namespace gramian

#endif  // GRAMIAN_STORE_DIRECTORY_LOCK_H_
