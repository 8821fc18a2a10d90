// Measures raw TCP over loopback: what uploads could reach if there were nothing but the kernel's
// two copies.
//
// A child process receives, this one sends, each with one thread per connection and one buffer of 1
// MiB per thread. A repetition ends when the receiver has confirmed every connection.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "support.h"

namespace gramian::bench {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;

sockaddr_in Loopback(in_port_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = port;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Reads until the sender closes, in the buffer of this connection, then confirms with one byte.
void Receive(int socket) {
  std::vector<char> buffer(kBufferBytes);
  ssize_t count = 0;
  do {
    count = recv(socket, buffer.data(), buffer.size(), 0);
  } while (count > 0);
  if (count == 0) send(socket, buffer.data(), 1, MSG_NOSIGNAL);
  close(socket);
}

[[noreturn]] void ReceiveForever(int listener) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  while (true) {
    const int socket = accept(listener, nullptr, nullptr);
    if (socket < 0) _exit(1);
    std::thread(Receive, socket).detach();
  }
}

// Sends `bytes` over one new connection; true if the receiver confirmed them.
bool Send(in_port_t port, int64_t bytes) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = Loopback(port);
  bool ok = socket >= 0 &&
            connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  std::vector<char> buffer(kBufferBytes, 'x');
  while (ok && bytes > 0) {
    const size_t piece = std::min<size_t>(buffer.size(), static_cast<size_t>(bytes));
    const ssize_t sent = send(socket, buffer.data(), piece, MSG_NOSIGNAL);
    ok = sent > 0;
    bytes -= sent;
  }
  char confirmation = 0;
  ok = ok && shutdown(socket, SHUT_WR) == 0 && recv(socket, &confirmation, 1, 0) == 1;
  if (socket >= 0) close(socket);
  return ok;
}

absl::StatusOr<nlohmann::json> MeasureTcp(int connections, int64_t mib, int repeats) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      listen(listener, 128) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return absl::InternalError("cannot listen on loopback");
  }
  const pid_t child = fork();
  if (child < 0) return absl::InternalError("cannot fork");
  if (child == 0) ReceiveForever(listener);
  Timings timings;
  const absl::Status status = timings.Run(repeats, [&] {
    std::atomic<int> confirmed = 0;
    {
      std::vector<std::jthread> senders;
      for (int i = 0; i < connections; ++i) {
        senders.emplace_back([&] { confirmed += Send(address.sin_port, mib << 20) ? 1 : 0; });
      }
    }
    return confirmed == connections ? absl::OkStatus() : absl::InternalError("a transfer failed");
  });
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(listener);
  if (!status.ok()) return status;
  return nlohmann::json{
      {"wall_s", timings.wall_s}, {"cpu_s", timings.cpu_s}, {"bytes", connections * (mib << 20)}};
}

int Main(int argc, char** argv) {
  int connections = 4;
  int64_t mib = 256;
  int repeats = 1;
  CLI::App app("Measures raw TCP over loopback.");
  app.add_option("--connections", connections, "connections at the same time");
  app.add_option("--mib", mib, "MiB over each of them");
  app.add_option("--repeats", repeats, "timed repetitions");
  CLI11_PARSE(app, argc, argv);
  return Finish(MeasureTcp(connections, mib, repeats));
}

}  // namespace
}  // namespace gramian::bench

int main(int argc, char** argv) { return gramian::bench::Main(argc, argv); }
