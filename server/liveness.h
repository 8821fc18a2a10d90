// Whether the gRPC port still answers.
#ifndef GRAMIAN_SERVER_LIVENESS_H_
#define GRAMIAN_SERVER_LIVENESS_H_

#include <sys/socket.h>

#include <chrono>

#include "absl/status/status.h"

namespace gramian {

// Opens a new connection to what listens at `address` (an IP address; of all addresses the
// loopback) and waits for the server's HTTP/2 preface. OK if it comes; UNAVAILABLE, saying what
// happened instead, if not within `timeout`.
absl::Status DialHttp2(sockaddr_storage address, std::chrono::milliseconds timeout);

// The same of a port that speaks TLS: waits for the server's half of the first exchange.
absl::Status DialTls(sockaddr_storage address, std::chrono::milliseconds timeout);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_LIVENESS_H_
