// Leaves the process when closing it hangs.
#ifndef GRAMIAN_SERVER_WATCHDOG_H_
#define GRAMIAN_SERVER_WATCHDOG_H_

#include <chrono>
#include <condition_variable>
#include <thread>

#include "gramian/base/mutex.h"

namespace gramian {

// Ends the process at once with exit code 75 unless destroyed in time: gRPC's Shutdown waits
// without limit for calls that do not finish.
class Watchdog {
 public:
  explicit Watchdog(std::chrono::milliseconds time);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void Watch(std::chrono::milliseconds time);

  Mutex mutex_;
  std::condition_variable_any changed_;
  bool is_over_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Constant after construction.
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_WATCHDOG_H_
