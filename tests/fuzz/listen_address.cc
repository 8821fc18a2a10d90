#include <string>

#include "server/listen_socket.h"
#include "tests/fuzz/targets.h"

namespace gramian::fuzz {

void FuzzListenAddress(absl::string_view input) {
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(input, "--listen");
  if (!address.ok()) {
    Require(!address.status().message().empty(), "a refusal has a message");
    return;
  }
  const std::string again = address->host + ":" + address->port;
  const absl::StatusOr<ListenAddress> same = ParseListenAddress(again, "--listen");
  Require(same.ok() && same->host == address->host && same->port == address->port,
          "what was taken apart can be put together");
}

}  // namespace gramian::fuzz
