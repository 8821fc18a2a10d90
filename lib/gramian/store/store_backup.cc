// The third part of StoreCore: a copy of everything while everything goes on.
#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/status_macros.h"
#include "gramian/store/store_core.h"

namespace gramian {
namespace {

// Copied at a time; a cancelled backup ends within one.
constexpr int64_t kBlockBytes = int64_t{4} << 20;

// What a backup that was killed left, or one that is done needs no more: if something stays, the
// next one tries again.
void RemoveTree(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

// Puts a tree of files under another name, by links as long as there can be some.
class TreeTransfer {
 public:
  TreeTransfer(FileSystem& files, std::stop_token stop) : files_(files), stop_(std::move(stop)) {}

  // `to` must not exist; its parents are made.
  absl::Status Move(const std::string& from, const std::string& to) {
    GRAMIAN_RETURN_IF_ERROR(files_.CreateDirectories(to));
    GRAMIAN_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List(from));
    for (const std::string& name : names) {
      const std::string source = absl::StrCat(from, "/", name);
      const std::string target = absl::StrCat(to, "/", name);
      GRAMIAN_RETURN_IF_ERROR(std::filesystem::is_directory(source) ? Move(source, target)
                                                                    : Transfer(source, target));
    }
    return files_.SyncDirectory(to);
  }
  bool has_copied() const { return has_copied_; }

 private:
  absl::Status Transfer(const std::string& from, const std::string& to) {
    if (stop_.stop_requested()) return absl::CancelledError("the backup was cancelled");
    if (!has_copied_) {
      const absl::Status linked = files_.Link(from, to);
      if (!absl::IsUnimplemented(linked)) return linked;
      has_copied_ = true;
    }
    return Copy(from, to);
  }

  absl::Status Copy(const std::string& from, const std::string& to) {
    GRAMIAN_ASSIGN_OR_RETURN(const std::unique_ptr<File> source,
                             files_.OpenExisting(from, /*writable=*/false));
    GRAMIAN_ASSIGN_OR_RETURN(const int64_t size, source->Size());
    GRAMIAN_ASSIGN_OR_RETURN(const std::unique_ptr<File> target, files_.Create(to, size));
    std::string block;
    for (int64_t at = 0; at < size; at += kBlockBytes) {
      if (stop_.stop_requested()) return absl::CancelledError("the backup was cancelled");
      block.resize(static_cast<size_t>(std::min(kBlockBytes, size - at)));
      GRAMIAN_RETURN_IF_ERROR(source->ReadAt(at, static_cast<int64_t>(block.size()), block.data()));
      GRAMIAN_RETURN_IF_ERROR(target->WriteAt(at, {block}));
    }
    return target->Sync();
  }

  FileSystem& files_;
  const std::stop_token stop_;
  bool has_copied_ = false;
};

}  // namespace

absl::StatusOr<BackupSummary> StoreCore::Backup(const std::string& directory, std::stop_token stop,
                                                const AddToBackup& add) {
  if (options_.data_dir.empty()) {
    return absl::FailedPreconditionError("activations are kept in memory, without --data-dir");
  }
  {
    MutexLock lock(mutex_);
    if (is_backing_up_) {
      return WithReason(absl::UnavailableError("another backup is running"), "BACKUP_RUNNING");
    }
    is_backing_up_ = true;
  }
  const std::filesystem::path place(directory);
  // Beside it, so that a rename makes it appear.
  const std::string partial =
      (place.parent_path() / absl::StrCat(".", place.filename().string(), ".partial")).string();
  const std::string staging = absl::StrCat(options_.data_dir, "/backup.partial");
  const absl::Cleanup end = [&] {
    RemoveTree(staging);
    RemoveTree(partial);
    MutexLock lock(mutex_);
    is_backing_up_ = false;
  };
  FileSystem& files = options_.files == nullptr ? RealFileSystem() : *options_.files;
  const absl::StatusOr<std::vector<std::string>> earlier = files.List(directory);
  if (earlier.ok()) return absl::AlreadyExistsError(absl::StrCat(directory, " exists"));
  if (!absl::IsNotFound(earlier.status())) return earlier.status();
  RemoveTree(staging);
  RemoveTree(partial);

  GRAMIAN_ASSIGN_OR_RETURN(BackupSummary summary, Stage(staging, files));
  GRAMIAN_RETURN_IF_ERROR(add(staging));
  TreeTransfer transfer(files, std::move(stop));
  GRAMIAN_RETURN_IF_ERROR(transfer.Move(staging, partial));
  summary.is_linked = !transfer.has_copied();
  GRAMIAN_RETURN_IF_ERROR(files.Rename(partial, directory));
  GRAMIAN_RETURN_IF_ERROR(files.SyncDirectory(place.parent_path().string()));
  return summary;
}

absl::StatusOr<BackupSummary> StoreCore::Stage(const std::string& staging, FileSystem& files) {
  GRAMIAN_RETURN_IF_ERROR(files.CreateDirectories(absl::StrCat(staging, "/blobs")));
  MutexLock change(change_mutex_);
  BackupSummary summary;
  summary.time = absl::Now();
  GRAMIAN_RETURN_IF_ERROR(catalog_->CopyTo(absl::StrCat(staging, "/gramian.db")));
  std::vector<std::shared_ptr<Content>> contents;
  {
    MutexLock lock(mutex_);
    summary.layers = index_.layer_count();
    for (std::shared_ptr<Content>& content : index_.ListContents()) {
      // What is lost here is lost there.
      if (!content->damaged) contents.push_back(std::move(content));
    }
  }
  for (const std::shared_ptr<Content>& content : contents) {
    const absl::Status linked = blobs_->Link(content->digest, staging);
    if (absl::IsNotFound(linked)) {
      // No reader has missed it yet. The rest is worth keeping.
      if (options_.on_damage) options_.on_damage(absl::DataLossError(linked.message()));
      continue;
    }
    GRAMIAN_RETURN_IF_ERROR(linked);
    ++summary.contents;
    summary.bytes += content->size_bytes;
  }
  return summary;
}

}  // namespace gramian
