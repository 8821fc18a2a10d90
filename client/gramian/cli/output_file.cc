#include "gramian/cli/output_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gramian::client::cli {
namespace {

// What went wrong with the last call of the C library.
absl::Status FileError(absl::string_view path) {
  const int error = errno;
  const std::string message = absl::StrCat("cannot write ", path, ": ", std::strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM || error == EROFS)
    return absl::PermissionDeniedError(message);
  return absl::UnknownError(message);
}

}  // namespace

struct OutputFile::State {
  ~State() {
    if (file != nullptr) std::fclose(file);
    if (!is_in_place) std::remove(temporary.c_str());
  }

  std::string path;
  std::string temporary;
  std::FILE* file = nullptr;
  bool is_in_place = false;
};

OutputFile::OutputFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
OutputFile::OutputFile(OutputFile&&) noexcept = default;
OutputFile& OutputFile::operator=(OutputFile&&) noexcept = default;
OutputFile::~OutputFile() = default;

absl::StatusOr<OutputFile> OutputFile::Create(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    return absl::FailedPreconditionError(absl::StrCat("cannot write ", path, ": it is a folder"));
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".tmp");
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  if (file == nullptr) return FileError(path);
  auto state = std::make_unique<State>();
  state->path = path;
  state->temporary = temporary;
  state->file = file;
  return OutputFile(std::move(state));
}

absl::Status OutputFile::Write(std::span<const std::byte> data) {
  if (std::fwrite(data.data(), 1, data.size(), state_->file) == data.size())
    return absl::OkStatus();
  return FileError(state_->path);
}

absl::Status OutputFile::Write(absl::string_view text) {
  return Write(std::as_bytes(std::span(text.data(), text.size())));
}

absl::Status OutputFile::Commit() {
  if (std::fclose(std::exchange(state_->file, nullptr)) != 0 ||
      std::rename(state_->temporary.c_str(), state_->path.c_str()) != 0) {
    return FileError(state_->path);
  }
  state_->is_in_place = true;
  return absl::OkStatus();
}

absl::Status WriteFile(const std::string& path, absl::string_view content) {
  absl::StatusOr<OutputFile> file = OutputFile::Create(path);
  if (!file.ok()) return file.status();
  if (absl::Status status = file->Write(content); !status.ok()) return status;
  return file->Commit();
}

absl::Status CheckWritable(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (absl::Status status = OutputFile::Create(path).status(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::string_view Extension(absl::string_view path) {
  const size_t dot = path.rfind('.');
  const size_t slash = path.rfind('/');
  if (dot == absl::string_view::npos || (slash != absl::string_view::npos && dot < slash))
    return "";
  return path.substr(dot);
}

}  // namespace gramian::client::cli
