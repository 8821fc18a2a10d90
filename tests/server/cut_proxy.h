// A TCP relay whose connections can be cut.
#ifndef GRAMIAN_TESTS_SERVER_CUT_PROXY_H_
#define GRAMIAN_TESTS_SERVER_CUT_PROXY_H_

#include <string>
#include <thread>
#include <vector>

#include "gramian/base/mutex.h"

namespace gramian::testing {

// Listens on a free port of 127.0.0.1 and passes everything on to a port of the same host, until it
// is cut.
class CutProxy {
 public:
  // `target` is 127.0.0.1:PORT.
  explicit CutProxy(const std::string& target);
  // Cuts.
  ~CutProxy();
  CutProxy(const CutProxy&) = delete;
  CutProxy& operator=(const CutProxy&) = delete;

  // host:port; empty if it could not listen.
  const std::string& address() const { return address_; }
  // Breaks every connection and takes no more.
  void Cut();

 private:
  void Accept();
  void Relay(int from, int to);

  int target_port_ = 0;
  int listen_fd_ = -1;
  std::string address_;
  Mutex mutex_;
  bool cut_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::vector<int> fds_ GRAMIAN_GUARDED_BY(mutex_);
  std::vector<std::thread> relays_ GRAMIAN_GUARDED_BY(mutex_);
  std::thread acceptor_;  // Constant after construction.
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_SERVER_CUT_PROXY_H_
