// Errors as clients see them: an absl::Status with a reason, and its form on the wire.
#ifndef GRAMIAN_SERVER_STATUS_DETAILS_H_
#define GRAMIAN_SERVER_STATUS_DETAILS_H_

#include <initializer_list>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace grpc {
class Status;
}  // namespace grpc

namespace gramian {

// `status` with a reason in UPPER_SNAKE_CASE and values that belong to it, for programs to read.
absl::Status WithReason(
    absl::Status status, absl::string_view reason,
    std::initializer_list<std::pair<absl::string_view, std::string>> metadata = {});

// UNAVAILABLE, reason QUEUE_FULL, DRAINING or the like: the same call may succeed a second later.
absl::Status TryAgain(absl::string_view message, absl::string_view reason);

// The reason `status` carries or, without one, that its code and message imply (NEVER_FITS,
// NOT_FOUND, ...).
std::string ReasonOf(const absl::Status& status);

// The only conversion of an error to gRPC: the same code, the message cut at 1,024 bytes (it
// travels in an HTTP/2 trailer), an ErrorReason, and a RetryDelay for UNAVAILABLE and memory
// pressure.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_STATUS_DETAILS_H_
