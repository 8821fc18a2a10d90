// Takes the connections of the gRPC port.
#ifndef GRAMIAN_SERVER_ACCEPT_LOOP_H_
#define GRAMIAN_SERVER_ACCEPT_LOOP_H_

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/mutex.h"

namespace gramian {

// Accepts on a listening socket until stopped and hands the connections on. gRPC's own listener
// does not survive running out of descriptors once (it never accepts again) and knows no limit of
// connections.
//
// Without a descriptor left, connections wait in the system's queue and are taken when there is one
// again. Beyond the limit a connection is accepted and closed at once, so that its client knows.
class AcceptLoop {
 public:
  struct Options {
    int64_t max_connections = 1;  // >= 1
    // Data that a client does not acknowledge for so long ends its connection.
    std::chrono::milliseconds unacknowledged_timeout{20'000};
  };
  struct Stats {
    int64_t open = 0;      // connections now
    int64_t accepted = 0;  // and those since the start
    int64_t refused = 0;   // closed at once because of the limit
    bool is_out_of_descriptors = false;
  };
  // Takes over a connected, non-blocking socket.
  using HandOver = std::function<void(int fd)>;

  // Takes over `listen_fd`. `hand_over` is called on one thread. UNAVAILABLE if the system gives no
  // descriptor.
  static absl::StatusOr<std::unique_ptr<AcceptLoop>> Start(int listen_fd, const Options& options,
                                                           HandOver hand_over);
  ~AcceptLoop();
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;

  // Closes the listening socket; `hand_over` is not called any more when this returns. Once is
  // enough, twice is fine; from one thread at a time.
  void Stop();

  // O(open connections).
  Stats GetStats();

 private:
  // A socket handed over: its number may be reused, its inode is not.
  struct Connection {
    int fd;
    ino_t inode;
  };

  AcceptLoop(int listen_fd, int stop_fd, const Options& options, HandOver hand_over);
  void Run();
  void AcceptOne();
  // Counts `fd` among the open connections; false beyond the limit.
  bool TryAdd(int fd);
  void Pause();
  void ForgetClosed() GRAMIAN_REQUIRES(mutex_);

  const int listen_fd_;
  const int stop_fd_;  // becomes readable when the loop is to stop
  const Options options_;
  const HandOver hand_over_;
  std::atomic<int64_t> accepted_{0};
  std::atomic<int64_t> refused_{0};
  std::atomic<bool> is_out_of_descriptors_{false};
  Mutex mutex_;
  std::vector<Connection> connections_ GRAMIAN_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_ACCEPT_LOOP_H_
