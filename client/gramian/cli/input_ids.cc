#include "gramian/cli/input_ids.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace gramian::client::cli {
namespace {

constexpr size_t kMessageRoom = 3 << 20;
constexpr size_t kBytesAroundAnId = 4;  // tag and length

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseInputIds(absl::string_view text) {
  absl::ConsumeSuffix(&text, "\n");
  std::vector<std::string> ids;
  std::unordered_map<std::string, size_t> lines;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::ConsumeSuffix(&line, "\r");
    const size_t number = ids.size() + 1;
    if (line.empty())
      return absl::InvalidArgumentError(absl::StrCat("line ", number, " holds no input id"));
    std::string id(line);
    const auto [earlier, is_new] = lines.emplace(id, number);
    if (!is_new) {
      return absl::InvalidArgumentError(absl::StrCat("lines ", earlier->second, " and ", number,
                                                     " hold the same input id '", line, "'"));
    }
    ids.push_back(std::move(id));
  }
  return ids;
}

absl::StatusOr<std::vector<std::string>> ReadInputIds(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  if (file) content << file.rdbuf();
  if (!file) {
    const std::string message = absl::StrCat("cannot read ", path, ": ", std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(message) : absl::UnknownError(message);
  }
  absl::StatusOr<std::vector<std::string>> ids = ParseInputIds(content.str());
  if (ids.ok()) return ids;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", ids.status().message()));
}

bool FitOneMessage(const std::vector<std::string>& input_ids) {
  size_t size = 0;
  for (const std::string& id : input_ids) size += id.size() + kBytesAroundAnId;
  return size <= kMessageRoom;
}

}  // namespace gramian::client::cli
