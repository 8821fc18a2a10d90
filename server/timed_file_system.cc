#include "server/timed_file_system.h"

#include <chrono>
#include <utility>

#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

// From 1 ms, doubled: what tells a disk from a tired one.
const prometheus::Histogram::BucketBoundaries kSyncSeconds = {0.001, 0.002, 0.004, 0.008, 0.016,
                                                              0.032, 0.064, 0.128, 0.256, 0.512,
                                                              1.024, 2.048, 4.096, 8.192};

template <typename Sync>
absl::Status Timed(prometheus::Histogram& seconds, const Sync& sync) {
  const auto start = std::chrono::steady_clock::now();
  absl::Status status = sync();
  seconds.Observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return status;
}

class TimedFile final : public File {
 public:
  TimedFile(std::unique_ptr<File> file, prometheus::Histogram& sync_seconds)
      : file_(std::move(file)), sync_seconds_(sync_seconds) {}

  absl::Status WriteAt(int64_t offset, absl::Span<const absl::string_view> parts) override {
    return file_->WriteAt(offset, parts);
  }
  absl::Status Sync() override {
    return Timed(sync_seconds_, [this] { return file_->Sync(); });
  }
  absl::Status ReadAt(int64_t offset, int64_t size, char* out) const override {
    return file_->ReadAt(offset, size, out);
  }
  absl::StatusOr<int64_t> Size() const override { return file_->Size(); }
  absl::StatusOr<absl::Time> WriteTime() const override { return file_->WriteTime(); }
  absl::StatusOr<std::shared_ptr<const std::byte>> Map(int64_t size) const override {
    return file_->Map(size);
  }

 private:
  const std::unique_ptr<File> file_;
  prometheus::Histogram& sync_seconds_;
};

}  // namespace

TimedFileSystem::TimedFileSystem(FileSystem& files) : files_(files), sync_seconds_(kSyncSeconds) {}

absl::StatusOr<std::unique_ptr<File>> TimedFileSystem::Create(const std::string& path,
                                                              int64_t size) {
  GRAMIAN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files_.Create(path, size));
  return std::make_unique<TimedFile>(std::move(file), sync_seconds_);
}

absl::StatusOr<std::unique_ptr<File>> TimedFileSystem::OpenExisting(const std::string& path,
                                                                    bool writable) {
  GRAMIAN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, files_.OpenExisting(path, writable));
  return std::make_unique<TimedFile>(std::move(file), sync_seconds_);
}

absl::Status TimedFileSystem::Rename(const std::string& from, const std::string& to) {
  return files_.Rename(from, to);
}

absl::Status TimedFileSystem::Link(const std::string& from, const std::string& to) {
  return files_.Link(from, to);
}

absl::Status TimedFileSystem::Remove(const std::string& path) { return files_.Remove(path); }

absl::Status TimedFileSystem::CreateDirectories(const std::string& path) {
  return files_.CreateDirectories(path);
}

absl::StatusOr<std::vector<std::string>> TimedFileSystem::List(const std::string& path) {
  return files_.List(path);
}

absl::Status TimedFileSystem::SyncDirectory(const std::string& path) {
  return Timed(sync_seconds_, [&] { return files_.SyncDirectory(path); });
}

absl::StatusOr<int64_t> TimedFileSystem::FreeBytes(const std::string& path) {
  return files_.FreeBytes(path);
}

absl::StatusOr<int64_t> TimedFileSystem::TotalBytes(const std::string& path) {
  return files_.TotalBytes(path);
}

}  // namespace gramian
