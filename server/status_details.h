// Errors as clients see them: the form of an absl::Status on the wire.
#ifndef GRAMIAN_SERVER_STATUS_DETAILS_H_
#define GRAMIAN_SERVER_STATUS_DETAILS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gramian/base/error_reason.h"

namespace grpc {
class Status;
}  // namespace grpc

namespace gramian {

// UNAVAILABLE, reason QUEUE_FULL, DRAINING or the like: the same call may succeed a second later.
absl::Status TryAgain(absl::string_view message, absl::string_view reason);

// The same, reason QUEUE_FULL, TOO_MANY_UPLOADS or the like, with the `limit` of those there may be
// and the `value` beyond it.
absl::Status TooMany(absl::string_view message, absl::string_view reason, int64_t limit);

// `status` with the time after which the same call may succeed, > 0.
absl::Status RetryAfter(absl::Status status, absl::Duration delay);

// The reason `status` carries or, without one, what its code implies: LIMIT_EXCEEDED,
// INPUTS_DIFFER, DESCRIPTION_DIFFERS, else the name of the code.
std::string ReasonOf(const absl::Status& status);

// What is kept of the message of an error: at most 1,024 bytes, ending between two UTF-8
// characters.
std::string CutMessage(absl::string_view message);

// The only conversion of an error to gRPC: the same code, the message cut (CutMessage; it
// travels in an HTTP/2 trailer), an ErrorReason, and a RetryDelay if one was given by RetryAfter,
// and of a second for UNAVAILABLE, MEMORY_PRESSURE and DISK_FULL.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_STATUS_DETAILS_H_
