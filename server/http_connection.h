// One HTTP request and its answer, without waiting.
#ifndef GRAMIAN_SERVER_HTTP_CONNECTION_H_
#define GRAMIAN_SERVER_HTTP_CONNECTION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace gramian {

// An accepted connection on its way from the request to the last byte of the answer. Not
// thread-safe.
class HttpConnection {
 public:
  enum class Phase {
    kAsking,    // the request is being read
    kAsked,     // Respond is due
    kReading,   // the client reads the answer
    kFinished,  // to be destroyed
  };

  // Takes over `fd`, a non-blocking socket.
  explicit HttpConnection(int fd);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  int fd() const { return fd_; }
  Phase phase() const { return phase_; }
  // Whether the client is on this machine: its address is one of loopback.
  bool is_local() const;
  // What to wait for; 0 for nothing.
  int16_t events() const;
  // When it has taken too long.
  std::chrono::steady_clock::time_point deadline() const { return deadline_; }

  // Reads or writes what is possible now. True when that completes the request.
  bool Advance();

  // The request line: method, path and version, without line end. Only in kAsked.
  absl::string_view request_line() const;

  // `status` is e.g. "200 OK". Only in kAsked, once.
  void Respond(absl::string_view status, const std::string& body);

 private:
  void Read();
  void Write();

  const int fd_;
  Phase phase_ = Phase::kAsking;
  std::chrono::steady_clock::time_point deadline_;
  std::string head_;
  std::string answer_;
  size_t sent_ = 0;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_HTTP_CONNECTION_H_
