// A fixed set of threads with a bounded queue, for requests that must not run on the network
// threads.
#ifndef GRAMIAN_BASE_COMPUTE_POOL_H_
#define GRAMIAN_BASE_COMPUTE_POOL_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "gramian/base/mutex.h"

namespace gramian {

// Runs jobs in the order they were submitted. Thread-safe. A full queue refuses instead of growing:
// the caller answers its client at once. The destructor runs every job that was accepted, then
// joins.
class ComputePool {
 public:
  // threads >= 1; queue_limit >= 0 counts jobs that were submitted and wait, not those that run or
  // go on. The threads leave the processors to others if `niceness`, from 0 to 19, is greater than
  // theirs.
  ComputePool(int threads, int64_t queue_limit, int niceness = 0);
  ~ComputePool();
  ComputePool(const ComputePool&) = delete;
  ComputePool& operator=(const ComputePool&) = delete;

  // Queues `job` and returns true; false, and the job is dropped, when queue_limit jobs already
  // wait and no worker is idle, or when the pool is being destroyed. A job must not throw;
  // std::bad_alloc that escapes it is swallowed, so a job that owes an answer reports its own
  // failures.
  bool TrySubmit(std::function<void()> job);

  // Queues the next part of a job that was accepted, here or by a limit elsewhere, and ended early
  // to let others run: it waits at the end of the queue and takes no place of those submitted. Also
  // while the pool is being destroyed.
  void Resume(std::function<void()> job);

  // A job that gives its thread back until something happens elsewhere: false if queue_limit jobs
  // have done so. It takes no place among those that wait for a thread, and goes on with
  // ResumeSuspended, which may come before the job has returned.
  bool TrySuspend();
  void ResumeSuspended(std::function<void()> job);

  // Jobs that may wait for a thread, and as many that may be suspended.
  int64_t queue_limit() const { return queue_limit_; }
  // Jobs that wait for a thread or are suspended now.
  int64_t queue_length() const;

 private:
  struct Job {
    std::function<void()> run;
    bool is_submitted;  // Else it goes on.
  };

  void Work(int niceness);

  const int64_t queue_limit_;
  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Job> queue_ GRAMIAN_GUARDED_BY(mutex_);
  int64_t submitted_ GRAMIAN_GUARDED_BY(mutex_) = 0;  // in the queue
  // Workers without a job, from the start those not yet running too.
  int64_t idle_ GRAMIAN_GUARDED_BY(mutex_);
  int64_t suspended_ GRAMIAN_GUARDED_BY(mutex_) = 0;
  bool stopping_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // Constant after construction.
};

}  // namespace gramian

#endif  // GRAMIAN_BASE_COMPUTE_POOL_H_
