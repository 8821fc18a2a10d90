#include "server/watchdog.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

namespace gramian {
namespace {

constexpr int kExitStuck = 75;

}  // namespace

Watchdog::Watchdog(std::chrono::milliseconds time) : thread_([this, time] { Watch(time); }) {}

Watchdog::~Watchdog() {
  {
    MutexLock lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Watchdog::Watch(std::chrono::milliseconds time) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  MutexLock lock(mutex_);
  while (!is_over_) {
    if (changed_.wait_until(mutex_, deadline) == std::cv_status::timeout && !is_over_) {
      spdlog::critical("closing hangs: leaving");
      _exit(kExitStuck);
    }
  }
}

}  // namespace gramian
