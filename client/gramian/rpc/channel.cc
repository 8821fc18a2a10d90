#include "gramian/rpc/channel.h"

#include <grpc/grpc.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

namespace gramian::client {
namespace {

constexpr int kMiB = 1 << 20;

grpc::ChannelArguments CommonArguments(const Security& security) {
  grpc::ChannelArguments arguments;
  if (!security.server_name.empty()) arguments.SetSslTargetNameOverride(security.server_name);
  // No proxy knows this machine by the name that it has for itself, or need see what is said on it.
  if (security.is_local) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // Repeat of call.h does it: gRPC gives up after five attempts, before a server is back.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  arguments.SetMaxReceiveMessageSize(16 * kMiB);
  // gRPC 1.51 now and then takes a connection that is being made for one that failed; and a server
  // that is back after a restart is found soon, where the default would wait up to two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  return arguments;
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, const Security& security,
                                           const grpc::ChannelArguments& arguments) {
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      address, security.credentials, arguments, TokenInterceptors(security));
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeQueryChannel(const std::string& address,
                                                const Security& security) {
  return MakeChannel(address, security, CommonArguments(security));
}

std::shared_ptr<grpc::Channel> MakeUploadChannel(const std::string& address,
                                                 const Security& security) {
  grpc::ChannelArguments arguments = CommonArguments(security);
  // Bandwidth probing makes gRPC 1.51 stall now and then; a fixed window does not.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 8 * kMiB);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 16 * kMiB - 1);
  arguments.SetInt(GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, 8 * kMiB);
  return MakeChannel(address, security, arguments);
}

}  // namespace gramian::client
