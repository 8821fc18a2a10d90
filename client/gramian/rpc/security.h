#ifndef GRAMIAN_RPC_SECURITY_H_
#define GRAMIAN_RPC_SECURITY_H_

#include <grpcpp/security/credentials.h>
#include <grpcpp/support/client_interceptor.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gramian/client/client.h"

namespace gramian::client {

// How channels are encrypted and whom their calls come from.
struct Security {
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  std::string server_name;  // that the certificate must have; empty: the host of the address
  std::string token;        // empty: none
  bool is_local = false;    // the server is on this machine
};

// Reads the files that `options` name. INVALID_ARGUMENT if one cannot be read, if they do not go
// together, if the token holds anything but visible ASCII characters, or if it would travel to
// another machine in the clear and options.allow_plaintext is not set.
absl::StatusOr<Security> MakeSecurity(const std::string& address, const ClientOptions& options);

// What adds the token to every call of a channel; nothing without one.
std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>>
TokenInterceptors(const Security& security);

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_SECURITY_H_
