#include "gramian/store/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace gramian {

absl::StatusOr<std::unique_ptr<DirectoryLock>> DirectoryLock::Acquire(
    const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/LOCK");
  const int descriptor =
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR | S_IRGRP);
  const auto failed = [&path](absl::string_view what) {
    return absl::StrCat("cannot ", what, " ", path, ": ", std::generic_category().message(errno));
  };
  if (descriptor < 0) {
    const std::string message = failed("open");
    const bool is_denied = errno == EACCES || errno == EPERM || errno == EROFS;
    if (is_denied) return absl::PermissionDeniedError(message);
    return absl::UnavailableError(message);
  }
  std::unique_ptr<DirectoryLock> lock(new DirectoryLock(descriptor));
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return absl::UnavailableError(failed("lock"));
  return absl::FailedPreconditionError(
      absl::StrCat("another process uses the data directory ", directory));
}

DirectoryLock::~DirectoryLock() { close(descriptor_); }

}  // namespace gramian
