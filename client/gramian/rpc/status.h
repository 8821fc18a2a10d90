#ifndef GRAMIAN_RPC_STATUS_H_
#define GRAMIAN_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <stop_token>

#include "absl/status/status.h"

namespace gramian::client {

// What an RPC ended with, as absl::Status: same code and message (the codes are the same numbers).
// ErrorReason and RetryDelay of client.h read what the server added to it.
absl::Status FromGrpc(const grpc::Status& status);

// Whether the same call may succeed a little later, after at least RetryDelay: the server could not
// be reached, the connection broke, the server shuts down, or it says so itself. Not that a quota
// is full, which ends when somebody deletes something.
bool IsWorthRetry(const absl::Status& status);

// `status`, but UNAVAILABLE instead of a CANCELLED that `stop` did not ask for: a server that stops
// cancels what has just arrived.
absl::Status UnlessStopped(const absl::Status& status, const std::stop_token& stop);

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_STATUS_H_
