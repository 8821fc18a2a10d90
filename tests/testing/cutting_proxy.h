// A bad network on loopback.
#ifndef GRAMIAN_TESTS_TESTING_CUTTING_PROXY_H_
#define GRAMIAN_TESTS_TESTING_CUTTING_PROXY_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace gramian::testing {

// What becomes of one connection: it is good until either number of bytes has passed.
struct ConnectionFate {
  enum class End {
    kReset,  // both sides see a reset
    kClose,  // both sides see an orderly end
    kStall,  // both sides see nothing ever again: a dead peer behind a dead router
  };
  int64_t bytes_to_server = std::numeric_limits<int64_t>::max();
  int64_t bytes_to_client = std::numeric_limits<int64_t>::max();
  End end = End::kReset;
};

// Forwards TCP connections to a server until their fate.
class CuttingProxy {
 public:
  // `target` is 127.0.0.1:port. `fate` is asked for every connection, from 0 on; by default all are
  // good.
  explicit CuttingProxy(
      const std::string& target,
      std::function<ConnectionFate(int64_t)> fate = [](int64_t) { return ConnectionFate(); });
  // Cuts.
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  // Where it listens.
  const std::string& address() const { return address_; }
  // Resets whatever is open and takes no more. No other thread may cut at the same time.
  void Cut();
  int64_t connections() const { return connections_; }
  // Connections that met their fate.
  int64_t cuts() const { return cuts_; }
  int64_t bytes_to_server() const { return bytes_to_server_; }

 private:
  void Accept();
  void Forward(int client_fd, ConnectionFate fate);

  const uint16_t target_port_;
  const std::function<ConnectionFate(int64_t)> fate_;
  int listen_fd_ = -1;
  int stop_fd_ = -1;  // readable when everything has to end
  std::string address_;
  std::atomic<int64_t> connections_{0};
  std::atomic<int64_t> cuts_{0};
  std::atomic<int64_t> bytes_to_server_{0};
  std::mutex mutex_;
  std::vector<std::thread> forwarders_;
  std::thread acceptor_;
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_CUTTING_PROXY_H_
