// Files that may change while the server runs.
#ifndef GRAMIAN_SERVER_WATCHED_FILES_H_
#define GRAMIAN_SERVER_WATCHED_FILES_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gramian/base/mutex.h"

namespace gramian {

// Largest file that is read.
inline constexpr int64_t kMaxWatchedBytes = int64_t{4} << 20;

// The bytes of a file. INVALID_ARGUMENT, naming it, if it cannot be read or has more than
// kMaxWatchedBytes.
absl::StatusOr<std::string> ReadWatchedFile(const std::string& path);

// Reads a few files together and hands their contents on when they changed. Contents that are
// refused change nothing: what was accepted before stays in use. Thread-safe.
class WatchedFiles {
 public:
  // Takes the contents, in the order of the paths, as a whole or, with an error, not at all.
  using Accept = std::function<absl::Status(const std::vector<std::string>&)>;

  // `what` names them in log lines.
  WatchedFiles(std::string what, std::vector<std::string> paths, Accept accept);

  // The first time: errors of reading, and those of `accept`.
  absl::Status Load();

  // Once a second: hands changed contents on when two looks in a row found the same, so that files
  // that belong together may be written one after the other. Logs one line when contents are taken
  // or refused, not again for the same ones.
  void Look();

  // Whether what the files hold is in use.
  bool is_current() const { return is_current_; }

 private:
  absl::StatusOr<std::vector<std::string>> Read() const;
  void Refuse(const absl::Status& status) GRAMIAN_REQUIRES(mutex_);

  const std::string what_;
  const std::vector<std::string> paths_;
  const Accept accept_;
  std::atomic<bool> is_current_{true};
  Mutex mutex_;
  std::vector<std::string> decided_ GRAMIAN_GUARDED_BY(mutex_);  // taken or refused
  std::vector<std::string> seen_ GRAMIAN_GUARDED_BY(mutex_);     // by the last look
  std::vector<std::string> in_use_ GRAMIAN_GUARDED_BY(mutex_);
  std::string complaint_ GRAMIAN_GUARDED_BY(mutex_);  // logged last; empty after a success
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_WATCHED_FILES_H_
