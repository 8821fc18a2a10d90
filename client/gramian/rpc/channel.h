#ifndef GRAMIAN_RPC_CHANNEL_H_
#define GRAMIAN_RPC_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "gramian/rpc/security.h"

namespace gramian::client {

// A channel for queries. Neither repeats anything: Repeat of call.h does.
std::shared_ptr<grpc::Channel> MakeQueryChannel(const std::string& address,
                                                const Security& security);

// A channel for uploads, with a TCP connection of its own and tuned for chunks of 1 MiB.
std::shared_ptr<grpc::Channel> MakeUploadChannel(const std::string& address,
                                                 const Security& security);

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_CHANNEL_H_
