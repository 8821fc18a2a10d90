#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "server/http_connection.h"
#include "tests/fuzz/targets.h"

namespace gramian::fuzz {

void FuzzHttpRequest(absl::string_view input) {
  int ends[2] = {-1, -1};
  Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0,
          "a pair of sockets can be had");
  HttpConnection connection(ends[0]);
  // In two pieces, as a network may deliver it.
  bool asked = false;
  for (const absl::string_view piece :
       {input.substr(0, input.size() / 2), input.substr(input.size() / 2)}) {
    const ssize_t sent = send(ends[1], piece.data(), piece.size(), MSG_NOSIGNAL);
    Require(sent == static_cast<ssize_t>(piece.size()) ||
                connection.phase() != HttpConnection::Phase::kAsking || sent > 0,
            "a request fits the socket or is refused");
    asked = connection.Advance() || asked;
  }
  shutdown(ends[1], SHUT_WR);
  asked = connection.Advance() || asked;
  Require(asked == (connection.phase() == HttpConnection::Phase::kAsked),
          "a request is complete once");
  if (asked) {
    const absl::string_view line = connection.request_line();
    Require(line.find("\r\n") == absl::string_view::npos, "a request line is one line");
    Require(line.size() <= input.size(), "a request line was sent");
    connection.Respond("200 OK", "body");
    connection.Advance();
    Require(connection.phase() == HttpConnection::Phase::kFinished, "an answer ends");
  } else {
    Require(connection.phase() == HttpConnection::Phase::kFinished,
            "half a request ends with its connection");
  }
  close(ends[1]);
}

}  // namespace gramian::fuzz
