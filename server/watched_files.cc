#include "server/watched_files.h"

#include <spdlog/spdlog.h>

#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"

namespace gramian {

absl::StatusOr<std::string> ReadWatchedFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(kMaxWatchedBytes + 1, '\0');
  if (file) file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  // A directory opens, and fails to be read.
  if (!file.eof()) {
    if (file.gcount() == 0) {
      return absl::InvalidArgumentError(absl::StrCat("cannot read ", path));
    }
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has more than the limit of ", kMaxWatchedBytes, " bytes"));
  }
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

WatchedFiles::WatchedFiles(std::string what, std::vector<std::string> paths, Accept accept)
    : what_(std::move(what)), paths_(std::move(paths)), accept_(std::move(accept)) {}

absl::StatusOr<std::vector<std::string>> WatchedFiles::Read() const {
  std::vector<std::string> contents;
  for (const std::string& path : paths_) {
    GRAMIAN_ASSIGN_OR_RETURN(std::string bytes, ReadWatchedFile(path));
    contents.push_back(std::move(bytes));
  }
  return contents;
}

absl::Status WatchedFiles::Load() {
  GRAMIAN_ASSIGN_OR_RETURN(std::vector<std::string> contents, Read());
  GRAMIAN_RETURN_IF_ERROR(accept_(contents));
  MutexLock lock(mutex_);
  in_use_ = seen_ = decided_ = std::move(contents);
  return absl::OkStatus();
}

void WatchedFiles::Look() {
  absl::StatusOr<std::vector<std::string>> contents = Read();
  MutexLock lock(mutex_);
  if (!contents.ok()) {
    Refuse(contents.status());
    // Files that come back as they were are looked at anew.
    seen_.clear();
    decided_.clear();
    return;
  }
  const bool is_stable = *contents == seen_;
  seen_ = *std::move(contents);
  if (!is_stable || seen_ == decided_) return;
  decided_ = seen_;
  if (seen_ != in_use_) {
    if (const absl::Status status = accept_(seen_); !status.ok()) {
      Refuse(status);
      return;
    }
    in_use_ = seen_;
    spdlog::info("{}: the files changed and are in use now", what_);
  }
  complaint_.clear();
  is_current_ = true;
}

void WatchedFiles::Refuse(const absl::Status& status) {
  is_current_ = false;
  if (complaint_ == status.message()) return;
  complaint_ = std::string(status.message());
  spdlog::error("{}: what was read before stays in use: {}", what_, complaint_);
}

}  // namespace gramian
