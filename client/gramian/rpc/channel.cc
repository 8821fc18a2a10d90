#include "gramian/rpc/channel.h"

#include <grpc/grpc.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

namespace gramian::client {
namespace {

constexpr int kMiB = 1 << 20;

// The most specific name wins: what deletes is left out, because the second time answers NOT_FOUND,
// and so is a backup, which would exist already. A server that stops cancels what has just arrived;
// what the caller cancels is not repeated.
constexpr char kServiceConfig[] = R"json({
  "methodConfig": [
    {
      "name": [
        {"service": "gramian.v1.ActivationService", "method": "DeleteSnapshot"},
        {"service": "gramian.v1.ActivationService", "method": "DeleteNetwork"},
        {"service": "gramian.v1.ActivationService", "method": "DeleteProbeSet"},
        {"service": "gramian.v1.ActivationService", "method": "AbortUpload"},
        {"service": "gramian.v1.AdminService", "method": "CreateBackup"}
      ]
    },
    {
      "name": [
        {"service": "gramian.v1.ActivationService"},
        {"service": "gramian.v1.SimilarityService"},
        {"service": "gramian.v1.AdminService"}
      ],
      "retryPolicy": {
        "maxAttempts": 5,
        "initialBackoff": "0.1s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"]
      }
    }
  ]
})json";

grpc::ChannelArguments CommonArguments(const Security& security) {
  grpc::ChannelArguments arguments;
  if (!security.server_name.empty()) arguments.SetSslTargetNameOverride(security.server_name);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
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
  grpc::ChannelArguments arguments = CommonArguments(security);
  arguments.SetServiceConfigJSON(kServiceConfig);
  return MakeChannel(address, security, arguments);
}

std::shared_ptr<grpc::Channel> MakeUploadChannel(const std::string& address,
                                                 const Security& security) {
  grpc::ChannelArguments arguments = CommonArguments(security);
  // Bandwidth probing makes gRPC 1.51 stall now and then; a fixed window does not.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 8 * kMiB);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 16 * kMiB - 1);
  arguments.SetInt(GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, 8 * kMiB);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return MakeChannel(address, security, arguments);
}

}  // namespace gramian::client
