#include "gramian/base/compute_pool.h"

#include <sys/resource.h>

#include <algorithm>
#include <new>
#include <utility>

namespace gramian {

ComputePool::ComputePool(int threads, int64_t queue_limit, int niceness)
    : queue_limit_(queue_limit), idle_(std::max(threads, 1)) {
  threads_.reserve(static_cast<size_t>(std::max(threads, 1)));
  for (int i = 0; i < std::max(threads, 1); ++i) {
    threads_.emplace_back([this, niceness] { Work(niceness); });
  }
}

ComputePool::~ComputePool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool ComputePool::TrySubmit(std::function<void()> job) {
  {
    MutexLock lock(mutex_);
    if (stopping_) return false;
    // Idle workers that those who go on will not need.
    const int64_t idle =
        std::max<int64_t>(idle_ - (static_cast<int64_t>(queue_.size()) - submitted_), 0);
    if (submitted_ >= queue_limit_ + idle) return false;
    queue_.push_back({std::move(job), /*is_submitted=*/true});
    ++submitted_;
  }
  changed_.notify_one();
  return true;
}

void ComputePool::Resume(std::function<void()> job) {
  {
    MutexLock lock(mutex_);
    queue_.push_back({std::move(job), /*is_submitted=*/false});
  }
  changed_.notify_one();
}

bool ComputePool::TrySuspend() {
  MutexLock lock(mutex_);
  if (suspended_ >= queue_limit_) return false;
  ++suspended_;
  return true;
}

void ComputePool::ResumeSuspended(std::function<void()> job) {
  {
    MutexLock lock(mutex_);
    --suspended_;
    queue_.push_back({std::move(job), /*is_submitted=*/false});
  }
  changed_.notify_one();
}

int64_t ComputePool::queue_length() const {
  MutexLock lock(mutex_);
  return suspended_ + std::max<int64_t>(static_cast<int64_t>(queue_.size()) - idle_, 0);
}

void ComputePool::Work(int niceness) {
  // For Linux the calling thread is a process; being nicer is always allowed.
  if (niceness > 0) setpriority(PRIO_PROCESS, 0, niceness);
  while (true) {
    std::function<void()> job;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) changed_.wait(mutex_);
      if (queue_.empty()) return;
      --idle_;
      job = std::move(queue_.front().run);
      submitted_ -= queue_.front().is_submitted ? 1 : 0;
      queue_.pop_front();
    }
    try {
      job();
    } catch (const std::bad_alloc&) {
      // The job's own answer has been lost with it; the worker must survive.
    }
    job = nullptr;
    MutexLock lock(mutex_);
    ++idle_;
  }
}

}  // namespace gramian
