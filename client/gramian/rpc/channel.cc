#include "gramian/rpc/channel.h"

#include <grpc/grpc.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/v1/admin_service.grpc.pb.h"

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

// How often a stop request, and what the last attempt said, is looked for.
constexpr absl::Duration kLook = absl::Milliseconds(100);

// What the last attempt to connect ended with, as gRPC tells it.
std::string LastError(const std::shared_ptr<grpc::Channel>& channel, absl::Time deadline) {
  // Fails at once where no connection can be had, whatever it asks for.
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(deadline));
  v1::GetServerInfoResponse response;
  const grpc::Status status =
      v1::AdminService::NewStub(channel)->GetServerInfo(&context, {}, &response);
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ? status.error_message() : "";
}

// What is wrong with how the server is spoken with; empty if it may just not be there.
std::string Misunderstanding(absl::string_view error) {
  if (absl::StrContains(error, "certificate verify failed")) {
    return "its certificate is of no authority in the file of tls.ca_file (--tls-ca), or has "
           "expired";
  }
  if (absl::StrContains(error, "is not in peer certificate")) {
    return "its certificate has another name: say which with tls.server_name (--tls-server-name)";
  }
  if (absl::StrContains(error, "wrong version number")) {
    return "it speaks no TLS: leave out tls.ca_file (--tls-ca)";
  }
  return "";
}

}  // namespace

absl::Status AwaitConnected(const std::shared_ptr<grpc::Channel>& channel,
                            const std::string& address, bool uses_tls, absl::Duration timeout,
                            const std::stop_token& stop) {
  const absl::Time end = absl::Now() + timeout;
  std::string error;
  for (;;) {
    const absl::Time look = std::min(end, absl::Now() + kLook);
    if (channel->WaitForConnected(absl::ToChronoTime(look))) return absl::OkStatus();
    if (stop.stop_requested()) return absl::CancelledError("the call was stopped");
    if (channel->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_TRANSIENT_FAILURE)
      error = LastError(channel, absl::Now() + kLook);
    if (const std::string wrong = Misunderstanding(error); !wrong.empty())
      return absl::UnavailableError(absl::StrCat("the server at ", address, ": ", wrong));
    if (absl::Now() >= end) break;
  }
  const std::string within =
      absl::StrCat(address, " within ", absl::FormatDuration(timeout), uses_tls ? " over TLS" : "");
  if (!absl::StrContains(error, "Socket closed"))
    return absl::UnavailableError(absl::StrCat("no server answers at ", within));
  return absl::UnavailableError(absl::StrCat(
      "the server closes every connection to ", within, ": perhaps it ",
      uses_tls
          ? "asks for a certificate of its authorities (tls.cert_file, --tls-cert, and its key)"
          : "speaks TLS (tls.ca_file, --tls-ca)"));
}

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
