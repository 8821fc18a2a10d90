#include "gramian/base/compute.h"

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/mutex.h"

// gcc says it by a macro, clang by a feature.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GRAMIAN_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define GRAMIAN_THREAD_SANITIZER
#endif

#if defined(GRAMIAN_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
#endif

namespace gramian {
namespace {

// TBB orders what a caller writes before a loop, its tiles, and what the caller reads after it. Its
// library is not instrumented, so ThreadSanitizer has to be told.
void Release([[maybe_unused]] void* loop) {
#if defined(GRAMIAN_THREAD_SANITIZER)
  __tsan_release(loop);
#endif
}

void Acquire([[maybe_unused]] void* loop) {
#if defined(GRAMIAN_THREAD_SANITIZER)
  __tsan_acquire(loop);
#endif
}

// The first error by index, so that the answer does not depend on which thread was quicker.
class FirstError {
 public:
  void Record(int64_t index, absl::Status status) {
    MutexLock lock(mutex_);
    if (status_.ok() || index < index_) {
      index_ = index;
      status_ = std::move(status);
    }
  }
  absl::Status Take() {
    MutexLock lock(mutex_);
    return status_;
  }

 private:
  Mutex mutex_;
  int64_t index_ GRAMIAN_GUARDED_BY(mutex_) = 0;
  absl::Status status_ GRAMIAN_GUARDED_BY(mutex_);
};

constexpr int kWorkerNiceness = 10;

// Whether this thread came to a loop as its caller, or is a worker that has been made nicer.
thread_local bool is_settled = false;

// Makes a worker yield to the threads that answer and receive. Workers are known by running a body
// without having called for it: an observer of the arena would tell as well, but what TBB allocates
// for it is lost when a worker outlives the arena.
void SettleWorker() {
  if (is_settled) return;
  is_settled = true;
  // For Linux the calling thread is a process; being nicer is always allowed.
  setpriority(PRIO_PROCESS, 0, kWorkerNiceness);
}

}  // namespace

// Threads that may be in an arena besides its workers. A caller that found no slot would wait for
// one to leave, and those may be waiting in turn for the object that this caller is computing.
constexpr int kCallers = 256;

struct ComputeArena::Impl {
  Impl(int threads, Lane lane)
      : arena(kCallers + threads - 1, kCallers,
              lane == Lane::kInteractive ? tbb::task_arena::priority::high
                                         : tbb::task_arena::priority::low) {}
  tbb::task_arena arena;
};

ComputeArena::ComputeArena(int threads, Lane lane)
    : threads_(std::max(threads, 1)), impl_(std::make_unique<Impl>(threads_, lane)) {}

ComputeArena::~ComputeArena() = default;

absl::Status ComputeContext::CheckStop() const {
  if (stop.stop_requested()) return absl::CancelledError("the computation was stopped");
  return absl::OkStatus();
}

absl::Status ComputeContext::CheckScratch(int64_t bytes, const char* what) const {
  if (bytes <= scratch_limit_bytes) return absl::OkStatus();
  const int64_t limit = std::max(scratch_limit_bytes, scratch_ceiling_bytes);
  const std::string message =
      absl::StrCat(what, " needs ", bytes, " bytes of scratch, the limit is ", limit);
  if (bytes > limit) return NeverFits(message, bytes, limit);
  return WithReason(absl::ResourceExhaustedError(message), "SCRATCH_TOO_SMALL",
                    {{"value", absl::StrCat(bytes)}});
}

absl::Status ParallelFor(const ComputeContext& context, int64_t count,
                         const std::function<absl::Status(int64_t)>& body) {
  if (context.arena == nullptr || context.arena->threads() == 1 || count <= 1) {
    for (int64_t i = 0; i < count; ++i) {
      if (absl::Status status = context.CheckStop(); !status.ok()) return status;
      if (absl::Status status = body(i); !status.ok()) return status;
    }
    return context.CheckStop();
  }
  FirstError error;
  tbb::task_group_context group;
  const auto run = [&] {
    tbb::parallel_for(
        tbb::blocked_range<int64_t>(0, count, 1),
        [&](const tbb::blocked_range<int64_t>& range) {
          SettleWorker();
          Acquire(&group);
          const absl::Cleanup publish = [&] { Release(&group); };
          for (int64_t i = range.begin(); i != range.end(); ++i) {
            if (group.is_group_execution_cancelled()) return;
            absl::Status status = context.CheckStop();
            if (status.ok()) status = body(i);
            if (status.ok()) continue;
            error.Record(i, std::move(status));
            group.cancel_group_execution();
            return;
          }
        },
        tbb::simple_partitioner(), group);
  };
  Release(&group);
  // Isolation: while this thread waits for its loop it must not pick up another loop's tile, which
  // could wait for a cache entry that this very thread is computing.
  is_settled = true;
  context.arena->impl_->arena.execute([&] { tbb::this_task_arena::isolate(run); });
  Acquire(&group);
  if (absl::Status status = error.Take(); !status.ok()) return status;
  return context.CheckStop();
}

}  // namespace gramian
