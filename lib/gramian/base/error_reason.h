// Why something failed, for programs: a constant and values beside the message of a status.
#ifndef GRAMIAN_BASE_ERROR_REASON_H_
#define GRAMIAN_BASE_ERROR_REASON_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace gramian {

// What a status carries besides code and message.
struct ErrorReason {
  std::string reason;                           // NEVER_FITS, LAYER_CONSTANT, ...
  std::map<std::string, std::string> metadata;  // e.g. `limit` and `value`, in decimal
};

// `status`, which is not OK, with a reason in UPPER_SNAKE_CASE and values that belong to it; they
// replace those it had. Neither contains a zero byte.
absl::Status WithReason(
    absl::Status status, absl::string_view reason,
    std::initializer_list<std::pair<absl::string_view, std::string>> metadata = {});

// The reason given by WithReason; nothing if there is none.
std::optional<ErrorReason> GetReason(const absl::Status& status);

// Whether `status` has this reason.
bool HasReason(const absl::Status& status, absl::string_view reason);

// A copy that shares nothing with `status`. Copies of an error share a count of references inside
// libabsl; errors that go to other threads do without.
absl::Status Unshared(const absl::Status& status);

// `status` with a reason, the `value` that was asked for, and the `limit` that it exceeds or has to
// share with others.
absl::Status WithLimit(absl::Status status, absl::string_view reason, int64_t value, int64_t limit);

// RESOURCE_EXHAUSTED for what can never be had: `value` is more than `limit`, whatever else goes
// on.
absl::Status NeverFits(absl::string_view message, int64_t value, int64_t limit);

// RESOURCE_EXHAUSTED for what may be had later: `value` does not fit in what `limit` leaves now.
absl::Status MemoryPressure(absl::string_view message, int64_t value, int64_t limit);

// RESOURCE_EXHAUSTED for `value` bytes where a disk has only `limit` for them now.
absl::Status DiskFull(absl::string_view message, int64_t value, int64_t limit);

}  // namespace gramian

#endif  // GRAMIAN_BASE_ERROR_REASON_H_
