// std::mutex with the attributes that let clang's -Wthread-safety check which member is guarded by
// which lock.
#ifndef GRAMIAN_BASE_MUTEX_H_
#define GRAMIAN_BASE_MUTEX_H_

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define GRAMIAN_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define GRAMIAN_THREAD_ANNOTATION(x)
#endif

#define GRAMIAN_GUARDED_BY(x) GRAMIAN_THREAD_ANNOTATION(guarded_by(x))
#define GRAMIAN_REQUIRES(...) GRAMIAN_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define GRAMIAN_EXCLUDES(...) GRAMIAN_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

namespace gramian {

// A mutual exclusion lock. Members it protects carry GRAMIAN_GUARDED_BY(mutex_).
class GRAMIAN_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() GRAMIAN_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() GRAMIAN_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

// Holds a Mutex for the length of a scope. A condition_variable_any waits on the Mutex itself:
// `MutexLock lock(mutex_); while (!ready_) changed_.wait(mutex_);`
class GRAMIAN_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) GRAMIAN_THREAD_ANNOTATION(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() GRAMIAN_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace gramian

#endif  // GRAMIAN_BASE_MUTEX_H_
