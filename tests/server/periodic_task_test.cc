#include "server/periodic_task.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>

#include "gramian/base/mutex.h"

namespace gramian {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class Counter {
 public:
  void Add() {
    MutexLock lock(mutex_);
    ++count_;
    changed_.notify_all();
  }

  // False after a minute.
  bool WaitFor(int count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    MutexLock lock(mutex_);
    while (count_ < count) {
      if (changed_.wait_until(mutex_, deadline) == std::cv_status::timeout) return false;
    }
    return true;
  }

  int count() {
    MutexLock lock(mutex_);
    return count_;
  }

 private:
  Mutex mutex_;
  std::condition_variable_any changed_;
  int count_ GRAMIAN_GUARDED_BY(mutex_) = 0;
};

TEST(PeriodicTaskTest, RunsAgainAndAgain) {
  Counter runs;
  PeriodicTask task(milliseconds(1), [&runs] { runs.Add(); });
  EXPECT_TRUE(runs.WaitFor(5));
}

TEST(PeriodicTaskTest, EndsWithoutWaitingForTheNextRun) {
  Counter runs;
  {
    PeriodicTask task(hours(24), [&runs] { runs.Add(); });
  }
  EXPECT_EQ(runs.count(), 0);
}

TEST(PeriodicTaskTest, WaitsForARunThatIsUnderWay) {
  Counter begun;
  Counter ended;
  {
    PeriodicTask task(milliseconds(1), [&] {
      begun.Add();
      ended.Add();
    });
    EXPECT_TRUE(begun.WaitFor(1));
  }
  EXPECT_EQ(begun.count(), ended.count());
}

}  // namespace
}  // namespace gramian
