// Helpers for tests in which several threads meet.
#ifndef GRAMIAN_TESTS_ENGINE_THREADS_H_
#define GRAMIAN_TESTS_ENGINE_THREADS_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gramian {

// Longer than any wait in a test that passes, also under a sanitizer.
inline constexpr std::chrono::seconds kPatience{60};

// Opens once; threads wait for it.
class Gate {
 public:
  void Open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // False if the gate stayed shut for kPatience.
  bool Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, kPatience, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// Waits until `condition` holds; false if it did not within kPatience.
inline bool WaitUntil(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

// Runs body(0) ... body(count - 1), each on a thread of its own, and waits for all.
inline void RunInThreads(int count, const std::function<void(int)>& body) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back([&body, i] { body(i); });
}

}  // namespace gramian

#endif  // GRAMIAN_TESTS_ENGINE_THREADS_H_
