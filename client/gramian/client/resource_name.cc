#include "gramian/client/resource_name.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace gramian::client {
namespace {

constexpr absl::string_view kLast = "last";

bool IsUnreserved(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return absl::ascii_isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~';
}

}  // namespace

std::string EncodeId(absl::string_view id) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string result;
  for (const char c : id) {
    if (IsUnreserved(c)) {
      result.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    result.push_back('%');
    result.push_back(kDigits[byte >> 4]);
    result.push_back(kDigits[byte & 0xf]);
  }
  return result;
}

absl::StatusOr<std::string> DecodeId(absl::string_view encoded) {
  std::string result;
  for (size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] != '%') {
      result.push_back(encoded[i]);
      continue;
    }
    const bool complete = i + 2 < encoded.size() &&
                          absl::ascii_isxdigit(static_cast<unsigned char>(encoded[i + 1])) &&
                          absl::ascii_isxdigit(static_cast<unsigned char>(encoded[i + 2]));
    if (!complete)
      return absl::InvalidArgumentError(absl::StrCat("'", encoded, "' is not percent-encoded"));
    result += absl::HexStringToBytes(encoded.substr(i + 1, 2));
    i += 2;
  }
  return result;
}

std::string ProjectName(absl::string_view project) {
  return absl::StrCat("projects/", EncodeId(project));
}

std::string NetworkName(absl::string_view project, absl::string_view network) {
  return absl::StrCat(ProjectName(project), "/networks/", EncodeId(network));
}

std::string SnapshotName(absl::string_view project, absl::string_view network, int64_t step) {
  return absl::StrCat(NetworkName(project, network), "/snapshots/", step);
}

std::string LastSnapshotName(absl::string_view project, absl::string_view network) {
  return absl::StrCat(NetworkName(project, network), "/snapshots/", kLast);
}

std::string LayerName(absl::string_view snapshot, absl::string_view layer) {
  return absl::StrCat(snapshot, "/layers/", EncodeId(layer));
}

std::string ProbeSetName(absl::string_view project, absl::string_view probe_set) {
  return absl::StrCat(ProjectName(project), "/probeSets/", EncodeId(probe_set));
}

std::string WatchName(absl::string_view project, absl::string_view watch) {
  return absl::StrCat(ProjectName(project), "/watches/", EncodeId(watch));
}

absl::StatusOr<std::string> ParseSnapshot(absl::string_view project, absl::string_view text) {
  const size_t at = text.rfind('@');
  const std::string message = absl::StrCat(
      "'", text, "' is not a snapshot: write network@step or network@last, e.g. resnet18@1000");
  if (at == absl::string_view::npos || at == 0) return absl::InvalidArgumentError(message);
  const absl::string_view network = text.substr(0, at);
  const absl::string_view step_text = text.substr(at + 1);
  if (step_text == kLast) return LastSnapshotName(project, network);
  int64_t step = 0;
  if (!absl::SimpleAtoi(step_text, &step) || step < 0) return absl::InvalidArgumentError(message);
  return SnapshotName(project, network, step);
}

absl::StatusOr<std::string> ParseLayer(absl::string_view project, absl::string_view text) {
  const size_t at = text.find('@');
  const size_t slash = at == absl::string_view::npos ? at : text.find('/', at);
  if (slash == absl::string_view::npos || slash + 1 == text.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", text, "' is not a layer: write network@step/layer, e.g. resnet18@last/layer4.1.relu"));
  }
  absl::StatusOr<std::string> snapshot = ParseSnapshot(project, text.substr(0, slash));
  if (!snapshot.ok()) return snapshot.status();
  return LayerName(*snapshot, text.substr(slash + 1));
}

std::string ShortName(absl::string_view snapshot_name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(snapshot_name, '/');
  if (parts.size() != 6 || parts[2] != "networks" || parts[4] != "snapshots")
    return std::string(snapshot_name);
  const absl::StatusOr<std::string> network = DecodeId(parts[3]);
  return absl::StrCat(network.ok() ? *network : std::string(parts[3]), "@", parts[5]);
}

}  // namespace gramian::client
