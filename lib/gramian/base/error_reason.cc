#include "gramian/base/error_reason.h"

#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace gramian {
namespace {

// The payload is reason, key, value, key, value, ... with zero bytes between them.
constexpr char kUrl[] = "gramian/error-reason";
constexpr char kSeparator = '\0';

}  // namespace

absl::Status WithReason(absl::Status status, absl::string_view reason,
                        std::initializer_list<std::pair<absl::string_view, std::string>> metadata) {
  std::string payload(reason);
  for (const auto& [key, value] : metadata) {
    payload += kSeparator;
    payload.append(key.data(), key.size());
    payload += kSeparator;
    payload += value;
  }
  status.SetPayload(kUrl, absl::Cord(payload));
  return status;
}

std::optional<ErrorReason> GetReason(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kUrl);
  if (!payload.has_value()) return std::nullopt;
  const std::vector<std::string> parts = absl::StrSplit(std::string(*payload), kSeparator);
  ErrorReason reason;
  reason.reason = parts[0];
  for (size_t i = 1; i + 1 < parts.size(); i += 2) reason.metadata[parts[i]] = parts[i + 1];
  return reason;
}

bool HasReason(const absl::Status& status, absl::string_view reason) {
  const std::optional<ErrorReason> found = GetReason(status);
  return found.has_value() && found->reason == reason;
}

absl::Status Unshared(const absl::Status& status) {
  absl::Status copy(status.code(), status.message());
  status.ForEachPayload([&copy](absl::string_view url, const absl::Cord& payload) {
    copy.SetPayload(url, absl::Cord(std::string(payload)));
  });
  return copy;
}

absl::Status WithLimit(absl::Status status, absl::string_view reason, int64_t value,
                       int64_t limit) {
  return WithReason(std::move(status), reason,
                    {{"value", absl::StrCat(value)}, {"limit", absl::StrCat(limit)}});
}

absl::Status NeverFits(absl::string_view message, int64_t value, int64_t limit) {
  return WithLimit(absl::ResourceExhaustedError(message), "NEVER_FITS", value, limit);
}

absl::Status MemoryPressure(absl::string_view message, int64_t value, int64_t limit) {
  return WithLimit(absl::ResourceExhaustedError(message), "MEMORY_PRESSURE", value, limit);
}

absl::Status DiskFull(absl::string_view message, int64_t value, int64_t limit) {
  return WithLimit(absl::ResourceExhaustedError(message), "DISK_FULL", value, limit);
}

}  // namespace gramian
