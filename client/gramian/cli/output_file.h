#ifndef GRAMIAN_CLI_OUTPUT_FILE_H_
#define GRAMIAN_CLI_OUTPUT_FILE_H_

#include <cstddef>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gramian::client::cli {

// A file that appears or is replaced as a whole: written beside its place, renamed when it is
// complete, gone when it is dropped before. Thread-compatible.
class OutputFile {
 public:
  // PERMISSION_DENIED, NOT_FOUND (its folder), FAILED_PRECONDITION (the path is a folder) or
  // UNKNOWN, all of them naming the path.
  static absl::StatusOr<OutputFile> Create(const std::string& path);
  OutputFile(OutputFile&&) noexcept;
  OutputFile& operator=(OutputFile&&) noexcept;
  ~OutputFile();

  absl::Status Write(std::span<const std::byte> data);
  absl::Status Write(absl::string_view text);

  // Puts the file into its place. The last call.
  absl::Status Commit();

 private:
  struct State;
  explicit OutputFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;  // null when moved from
};

// Replaces a file as a whole. Errors as OutputFile.
absl::Status WriteFile(const std::string& path, absl::string_view content);

// Whether these files can be written, tried with an empty file beside each: better before a long
// computation than after it. Errors as OutputFile::Create.
absl::Status CheckWritable(const std::vector<std::string>& paths);

// What comes after the last dot of the last component, with it: ".npy"; empty if there is none.
absl::string_view Extension(absl::string_view path);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_OUTPUT_FILE_H_
