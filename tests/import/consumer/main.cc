// Nothing listens on port 1, so a client that was linked and runs says UNAVAILABLE.
#include <iostream>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gramian/client/client.h"

int main() {
  gramian::client::ClientOptions options;
  options.connect_timeout = absl::Milliseconds(200);
  const absl::Status status = gramian::client::Client::Connect("127.0.0.1:1", options).status();
  std::cout << status << '\n';
  return absl::IsUnavailable(status) ? 0 : 1;
}
