// Addresses to listen on.
#ifndef GRAMIAN_SERVER_LISTEN_SOCKET_H_
#define GRAMIAN_SERVER_LISTEN_SOCKET_H_

#include <sys/socket.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gramian {

// host:port, taken apart. An IPv6 host keeps its brackets.
struct ListenAddress {
  std::string host;
  std::string port;
};

// INVALID_ARGUMENT, naming `flag`, if `text` is not host:port.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text, absl::string_view flag);

// Whether only this machine can reach it: a host that is the number of a loopback address, or
// `localhost`.
bool IsLoopback(const ListenAddress& address);

// A TCP socket that listens on `address`; the caller closes it. UNAVAILABLE, naming the address and
// the system's reason, if that cannot be had.
absl::StatusOr<int> OpenListenSocket(const ListenAddress& address);

// Where a socket is bound; all zeros for what is no socket.
sockaddr_storage AddressOf(int socket_fd);

// The port a listening socket has.
int PortOf(int socket_fd);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_LISTEN_SOCKET_H_
