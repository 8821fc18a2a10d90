#include "gramian/base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

// What anything takes of a disk at least.
constexpr int64_t kBlockBytes = 4096;

// Free bytes where `path` is or would be; 0 if that cannot be asked.
int64_t FreeBytesAt(const std::string& path) {
  struct statvfs about = {};
  const std::string parent = std::filesystem::path(path).parent_path().string();
  if (statvfs(path.c_str(), &about) != 0 && statvfs(parent.c_str(), &about) != 0) return 0;
  return static_cast<int64_t>(about.f_bavail) * static_cast<int64_t>(about.f_frsize);
}

// `bytes` is what was to be written.
absl::Status ErrorOf(int error, absl::string_view what, const std::string& path,
                     int64_t bytes = kBlockBytes) {
  const std::string message =
      absl::StrCat("cannot ", what, " ", path, ": ", std::generic_category().message(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
      return DiskFull(message, bytes, FreeBytesAt(path));
    case EIO:
    case EISDIR:  // In place of a file of ours.
      return absl::DataLossError(message);
    default:
      return absl::UnavailableError(message);
  }
}

// Calls a system call again as long as a signal interrupts it.
template <typename Call>
auto Retry(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// Bytes of the parts from `first` on.
int64_t SizeOf(const std::vector<iovec>& parts, size_t first) {
  size_t size = 0;
  for (size_t i = first; i < parts.size(); ++i) size += parts[i].iov_len;
  return static_cast<int64_t>(size);
}

class RealFile final : public File {
 public:
  RealFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  RealFile(const RealFile&) = delete;
  RealFile& operator=(const RealFile&) = delete;
  ~RealFile() override { close(descriptor_); }

  absl::Status WriteAt(int64_t offset, absl::Span<const absl::string_view> parts) override {
    std::vector<iovec> rest;
    for (const absl::string_view part : parts) {
      // The system takes a pointer to what it will only read.
      if (!part.empty()) rest.push_back({const_cast<char*>(part.data()), part.size()});
    }
    size_t first = 0;
    while (first < rest.size()) {
      const int count = static_cast<int>(std::min<size_t>(rest.size() - first, IOV_MAX));
      const ssize_t written =
          Retry([&] { return pwritev(descriptor_, &rest[first], count, offset); });
      if (written < 0) return ErrorOf(errno, "write", path_, SizeOf(rest, first));
      offset += written;
      auto left = static_cast<size_t>(written);
      while (first < rest.size() && left >= rest[first].iov_len) left -= rest[first++].iov_len;
      if (first == rest.size()) break;
      rest[first].iov_base = static_cast<char*>(rest[first].iov_base) + left;
      rest[first].iov_len -= left;
    }
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (Retry([this] { return fdatasync(descriptor_); }) == 0) return absl::OkStatus();
    const int error = errno;
    const absl::Status status = ErrorOf(error, "sync", path_);
    // Whatever the reason, pages may be lost that look written.
    return absl::IsResourceExhausted(status) ? status : absl::DataLossError(status.message());
  }

  absl::Status ReadAt(int64_t offset, int64_t size, char* out) const override {
    while (size > 0) {
      const ssize_t got =
          Retry([&] { return pread(descriptor_, out, static_cast<size_t>(size), offset); });
      if (got < 0) return ErrorOf(errno, "read", path_);
      if (got == 0) {
        return absl::DataLossError(absl::StrCat(path_, " ends before byte ", offset + size));
      }
      offset += got;
      size -= got;
      out += got;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> Size() const override {
    struct stat about = {};
    if (fstat(descriptor_, &about) != 0) return ErrorOf(errno, "look at", path_);
    return about.st_size;
  }

  absl::StatusOr<absl::Time> WriteTime() const override {
    struct stat about = {};
    if (fstat(descriptor_, &about) != 0) return ErrorOf(errno, "look at", path_);
    return absl::TimeFromTimespec(about.st_mtim);
  }

  absl::StatusOr<std::shared_ptr<const std::byte>> Map(int64_t size) const override {
    const auto length = static_cast<size_t>(size);
    void* const address = mmap(nullptr, length, PROT_READ, MAP_SHARED, descriptor_, 0);
    if (address == MAP_FAILED) return ErrorOf(errno, "map", path_);
    return std::shared_ptr<const std::byte>(
        static_cast<const std::byte*>(address),
        [address, length](const std::byte*) { munmap(address, length); });
  }

 private:
  const std::string path_;
  const int descriptor_;
};

class RealFiles final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path, int64_t size) override {
    const int descriptor = Retry([&] {
      return open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR | S_IRGRP);
    });
    if (descriptor < 0) return ErrorOf(errno, "create", path);
    auto file = std::make_unique<RealFile>(path, descriptor);
    int error = EINTR;
    while (size > 0 && error == EINTR) error = posix_fallocate(descriptor, 0, size);
    if (size > 0 && error != 0) {
      unlink(path.c_str());
      return ErrorOf(error, absl::StrCat("allocate ", size, " bytes of"), path, size);
    }
    return file;
  }

  absl::StatusOr<std::unique_ptr<File>> OpenExisting(const std::string& path,
                                                     bool writable) override {
    const int descriptor =
        Retry([&] { return open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC); });
    if (descriptor < 0) return ErrorOf(errno, "open", path);
    return std::make_unique<RealFile>(path, descriptor);
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (rename(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    return ErrorOf(errno, absl::StrCat("rename ", from, " to"), to);
  }

  absl::Status Link(const std::string& from, const std::string& to) override {
    if (link(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
    const int error = errno;
    const absl::Status status = ErrorOf(error, absl::StrCat("link ", from, " to"), to);
    const bool is_never =
        error == EXDEV || error == EPERM || error == EOPNOTSUPP || error == EMLINK;
    return is_never ? absl::UnimplementedError(status.message()) : status;
  }

  absl::Status Remove(const std::string& path) override {
    if (unlink(path.c_str()) == 0) return absl::OkStatus();
    return ErrorOf(errno, "remove", path);
  }

  absl::Status CreateDirectories(const std::string& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    return error ? ErrorOf(error.value(), "create directory", path) : absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    DIR* const directory = opendir(path.c_str());
    if (directory == nullptr) return ErrorOf(errno, "list", path);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = readdir(directory)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
      errno = 0;
    }
    const int error = errno;
    closedir(directory);
    if (error != 0) return ErrorOf(error, "list", path);
    std::sort(names.begin(), names.end());
    return names;
  }

  absl::Status SyncDirectory(const std::string& path) override {
    const int descriptor =
        Retry([&] { return open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (descriptor < 0) return ErrorOf(errno, "open", path);
    const int result = Retry([descriptor] { return fsync(descriptor); });
    const int error = errno;
    close(descriptor);
    return result == 0 ? absl::OkStatus() : ErrorOf(error, "sync", path);
  }

  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override {
    GRAMIAN_ASSIGN_OR_RETURN(const struct statvfs about, LookAt(path));
    return static_cast<int64_t>(about.f_bavail) * static_cast<int64_t>(about.f_frsize);
  }

  absl::StatusOr<int64_t> TotalBytes(const std::string& path) override {
    GRAMIAN_ASSIGN_OR_RETURN(const struct statvfs about, LookAt(path));
    return static_cast<int64_t>(about.f_blocks) * static_cast<int64_t>(about.f_frsize);
  }

 private:
  static absl::StatusOr<struct statvfs> LookAt(const std::string& path) {
    struct statvfs about = {};
    if (Retry([&] { return statvfs(path.c_str(), &about); }) == 0) return about;
    return ErrorOf(errno, "look at", path);
  }
};

}  // namespace

FileSystem& RealFileSystem() {
  static RealFiles& files = *new RealFiles;
  return files;
}

}  // namespace gramian
