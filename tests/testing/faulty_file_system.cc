#include "tests/testing/faulty_file_system.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"

namespace gramian::testing {
namespace {

bool ChangesSomething(FileOperation operation) {
  switch (operation) {
    case FileOperation::kCreate:
    case FileOperation::kWrite:
    case FileOperation::kSync:
    case FileOperation::kRename:
    case FileOperation::kLink:
    case FileOperation::kRemove:
    case FileOperation::kCreateDirectories:
    case FileOperation::kSyncDirectory:
      return true;
    default:
      return false;
  }
}

uint64_t InodeOf(const std::string& path) {
  struct stat about = {};
  return stat(path.c_str(), &about) == 0 ? about.st_ino : 0;
}

std::string ParentOf(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

}  // namespace

class FaultyFileSystem::FaultyFile final : public File {
 public:
  FaultyFile(FaultyFileSystem* files, std::unique_ptr<File> real, uint64_t inode)
      : files_(files), real_(std::move(real)), inode_(inode) {
    ++files_->open_files_;
  }
  ~FaultyFile() override { --files_->open_files_; }
  FaultyFile(const FaultyFile&) = delete;
  FaultyFile& operator=(const FaultyFile&) = delete;

  absl::Status WriteAt(int64_t offset, absl::Span<const absl::string_view> parts) override {
    std::string all;
    for (const absl::string_view part : parts) absl::StrAppend(&all, part);
    files_->Remember(real_, inode_, offset, static_cast<int64_t>(all.size()));
    const absl::Status admitted = files_->Admit(FileOperation::kWrite);
    if (admitted.ok()) return real_->WriteAt(offset, parts);
    (void)real_->WriteAt(offset, {absl::string_view(all).substr(0, all.size() / 2)});
    return admitted;
  }
  absl::Status Sync() override {
    GRAMIAN_RETURN_IF_ERROR(files_->Admit(FileOperation::kSync));
    GRAMIAN_RETURN_IF_ERROR(real_->Sync());
    files_->Forget(inode_);
    return absl::OkStatus();
  }
  absl::Status ReadAt(int64_t offset, int64_t size, char* out) const override {
    GRAMIAN_RETURN_IF_ERROR(files_->Admit(FileOperation::kRead));
    return real_->ReadAt(offset, size, out);
  }
  absl::StatusOr<int64_t> Size() const override { return real_->Size(); }
  absl::StatusOr<absl::Time> WriteTime() const override { return real_->WriteTime(); }
  absl::StatusOr<std::shared_ptr<const std::byte>> Map(int64_t size) const override {
    GRAMIAN_RETURN_IF_ERROR(files_->Admit(FileOperation::kMap));
    return real_->Map(size);
  }

 private:
  FaultyFileSystem* const files_;
  const std::shared_ptr<File> real_;
  const uint64_t inode_;
};

FaultyFileSystem::FaultyFileSystem() = default;
FaultyFileSystem::~FaultyFileSystem() = default;

void FaultyFileSystem::FailOnce(FileOperation operation, const absl::Status& status, int64_t skip) {
  MutexLock lock(mutex_);
  faults_.push_back({operation, status, skip});
}

void FaultyFileSystem::StopAfter(int64_t steps) {
  MutexLock lock(mutex_);
  last_step_ = steps_ + steps;
}

absl::Status FaultyFileSystem::Step() {
  MutexLock lock(mutex_);
  if (steps_ >= last_step_) return absl::UnavailableError("the process is dead");
  ++steps_;
  return absl::OkStatus();
}

int64_t FaultyFileSystem::steps() const {
  MutexLock lock(mutex_);
  return steps_;
}

void FaultyFileSystem::SetFreeBytes(int64_t bytes) {
  MutexLock lock(mutex_);
  free_bytes_ = bytes;
}

absl::Status FaultyFileSystem::Admit(FileOperation operation) {
  MutexLock lock(mutex_);
  if (steps_ >= last_step_) return absl::UnavailableError("the process is dead");
  if (ChangesSomething(operation)) ++steps_;
  for (auto it = faults_.begin(); it != faults_.end(); ++it) {
    if (it->operation != operation || it->skip-- > 0) continue;
    const absl::Status status = it->status;
    faults_.erase(it);
    return status;
  }
  return absl::OkStatus();
}

void FaultyFileSystem::Remember(const std::shared_ptr<File>& file, uint64_t inode, int64_t offset,
                                int64_t size) {
  Unsynced unsynced{file, inode, offset, std::string(static_cast<size_t>(size), '\0')};
  if (!file->ReadAt(offset, size, unsynced.before.data()).ok()) return;
  MutexLock lock(mutex_);
  unsynced_.push_back(std::move(unsynced));
}

void FaultyFileSystem::Forget(uint64_t inode) {
  MutexLock lock(mutex_);
  unsynced_.erase(
      std::remove_if(unsynced_.begin(), unsynced_.end(),
                     [inode](const Unsynced& unsynced) { return unsynced.inode == inode; }),
      unsynced_.end());
}

void FaultyFileSystem::CutPower() {
  MutexLock lock(mutex_);
  for (auto it = unsynced_.rbegin(); it != unsynced_.rend(); ++it) {
    (void)it->file->WriteAt(it->offset, {it->before});
  }
  unsynced_.clear();
  for (auto it = names_.rbegin(); it != names_.rend(); ++it) {
    if (it->from.empty()) {
      (void)real_.Remove(it->to);
    } else if (it->to.empty()) {
      (void)real_.Rename(it->kept, it->from);
    } else {
      (void)real_.Rename(it->to, it->from);
    }
  }
  names_.clear();
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::Create(const std::string& path,
                                                               int64_t size) {
  GRAMIAN_RETURN_IF_ERROR(Admit(FileOperation::kCreate));
  GRAMIAN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, real_.Create(path, size));
  MutexLock lock(mutex_);
  names_.push_back({"", path, ""});
  return std::make_unique<FaultyFile>(this, std::move(file), InodeOf(path));
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::OpenExisting(const std::string& path,
                                                                     bool writable) {
  GRAMIAN_RETURN_IF_ERROR(Admit(FileOperation::kOpen));
  GRAMIAN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, real_.OpenExisting(path, writable));
  return std::make_unique<FaultyFile>(this, std::move(file), InodeOf(path));
}

absl::Status FaultyFileSystem::Rename(const std::string& from, const std::string& to) {
  GRAMIAN_RETURN_IF_ERROR(Admit(FileOperation::kRename));
  GRAMIAN_RETURN_IF_ERROR(real_.Rename(from, to));
  MutexLock lock(mutex_);
  names_.push_back({from, to, ""});
  return absl::OkStatus();
}

absl::Status FaultyFileSystem::Link(const std::string& from, const std::string& to) {
  GRAMIAN_RETURN_IF_ERROR(Admit(FileOperation::kLink));
  GRAMIAN_RETURN_IF_ERROR(real_.Link(from, to));
  MutexLock lock(mutex_);
  names_.push_back({"", to, ""});
  return absl::OkStatus();
}

absl::Status FaultyFileSystem::Remove(const std::string& path) {
  GRAMIAN_RETURN_IF_ERROR(Admit(FileOperation::kRemove));
  MutexLock lock(mutex_);
  const std::string kept = absl::StrCat(removed_.path(), "/", ++kept_);
  GRAMIAN_RETURN_IF_ERROR(real_.Rename(path, kept));
  names_.push_back({path, "", kept});
  return absl::OkStatus();
}

absl::Status FaultyFileSystem::CreateDirectories(const std::string& path) {
  GRAMIAN_RETURN_IF_ERROR(Admit(FileOperation::kCreateDirectories));
  return real_.CreateDirectories(path);
}

absl::StatusOr<std::vector<std::string>> FaultyFileSystem::List(const std::string& path) {
  GRAMIAN_RETURN_IF_ERROR(Admit(FileOperation::kList));
  return real_.List(path);
}

absl::Status FaultyFileSystem::SyncDirectory(const std::string& path) {
  GRAMIAN_RETURN_IF_ERROR(Admit(FileOperation::kSyncDirectory));
  GRAMIAN_RETURN_IF_ERROR(real_.SyncDirectory(path));
  MutexLock lock(mutex_);
  // A change is final once the directory that has the new state is synced.
  names_.erase(std::remove_if(names_.begin(), names_.end(),
                              [&](const NameChange& change) {
                                const std::string& name =
                                    change.to.empty() ? change.from : change.to;
                                if (ParentOf(name) != path) return false;
                                if (!change.kept.empty()) (void)real_.Remove(change.kept);
                                return true;
                              }),
               names_.end());
  return absl::OkStatus();
}

absl::StatusOr<int64_t> FaultyFileSystem::TotalBytes(const std::string& path) {
  return real_.TotalBytes(path);
}

absl::StatusOr<int64_t> FaultyFileSystem::FreeBytes(const std::string& path) {
  GRAMIAN_RETURN_IF_ERROR(Admit(FileOperation::kFreeBytes));
  {
    MutexLock lock(mutex_);
    if (free_bytes_ >= 0) return free_bytes_;
  }
  return real_.FreeBytes(path);
}

}  // namespace gramian::testing
