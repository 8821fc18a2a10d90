#ifndef GRAMIAN_RPC_CHANNEL_H_
#define GRAMIAN_RPC_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gramian/rpc/security.h"

namespace gramian::client {

// A channel for queries. Neither repeats anything: Repeat of call.h does.
std::shared_ptr<grpc::Channel> MakeQueryChannel(const std::string& address,
                                                const Security& security);

// A channel for uploads, with a TCP connection of its own and tuned for chunks of 1 MiB.
std::shared_ptr<grpc::Channel> MakeUploadChannel(const std::string& address,
                                                 const Security& security);

// Waits until `channel`, to the server at `address`, is connected. UNAVAILABLE when `timeout` has
// passed, or earlier when the server cannot be spoken with as it is: what it says of that, and
// which option would help. CANCELLED if a stop is requested.
absl::Status AwaitConnected(const std::shared_ptr<grpc::Channel>& channel,
                            const std::string& address, bool uses_tls, absl::Duration timeout,
                            const std::stop_token& stop = {});

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_CHANNEL_H_
