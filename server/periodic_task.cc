#include "server/periodic_task.h"

#include <utility>

namespace gramian {

PeriodicTask::PeriodicTask(std::chrono::milliseconds interval, std::function<void()> run)
    : interval_(interval), run_(std::move(run)), thread_([this] { Loop(); }) {}

PeriodicTask::~PeriodicTask() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    stop_changed_.notify_all();
  }
  thread_.join();
}

void PeriodicTask::Loop() {
  while (true) {
    {
      MutexLock lock(mutex_);
      const auto next = std::chrono::steady_clock::now() + interval_;
      while (!stopping_ && std::chrono::steady_clock::now() < next)
        stop_changed_.wait_until(mutex_, next);
      if (stopping_) return;
    }
    run_();
  }
}

}  // namespace gramian
