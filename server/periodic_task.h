// Something that is done again and again while the server runs.
#ifndef GRAMIAN_SERVER_PERIODIC_TASK_H_
#define GRAMIAN_SERVER_PERIODIC_TASK_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <thread>

#include "gramian/base/mutex.h"

namespace gramian {

// Runs a function on a thread of its own, first after `interval`, then that long after it returned.
// The destructor waits for a run that is under way. The function must not throw.
class PeriodicTask {
 public:
  PeriodicTask(std::chrono::milliseconds interval, std::function<void()> run);
  ~PeriodicTask();
  PeriodicTask(const PeriodicTask&) = delete;
  PeriodicTask& operator=(const PeriodicTask&) = delete;

 private:
  void Loop();

  const std::chrono::milliseconds interval_;
  const std::function<void()> run_;
  Mutex mutex_;
  std::condition_variable_any stop_changed_;
  bool stopping_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Constant after construction.
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_PERIODIC_TASK_H_
