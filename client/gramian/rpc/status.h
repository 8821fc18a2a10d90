#ifndef GRAMIAN_RPC_STATUS_H_
#define GRAMIAN_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace gramian::client {

// What an RPC ended with, as absl::Status: same code and message (the codes are the same numbers).
// ErrorReason and RetryDelay of client.h read what the server added to it.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_STATUS_H_
