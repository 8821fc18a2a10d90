// How a computation runs in parallel, and when it stops.
#ifndef GRAMIAN_BASE_COMPUTE_H_
#define GRAMIAN_BASE_COMPUTE_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <stop_token>

#include "absl/status/status.h"

namespace gramian {

// Whose work is done first: that of a request somebody waits for, or of one that takes long anyway.
enum class Lane { kInteractive, kBatch };

// A bounded set of worker threads (a oneTBB arena). Thread-safe: any number of threads may run
// loops in one arena, they share its workers. Workers, which all arenas share, go where the lane is
// interactive as long as there is work, and leave the processors to threads that answer or receive
// (nice 10).
class ComputeArena {
 public:
  // threads >= 1 counts the calling thread: with 1 every loop runs serially.
  explicit ComputeArena(int threads, Lane lane = Lane::kInteractive);
  ~ComputeArena();
  ComputeArena(const ComputeArena&) = delete;
  ComputeArena& operator=(const ComputeArena&) = delete;

  int threads() const { return threads_; }

 private:
  friend absl::Status ParallelFor(const struct ComputeContext&, int64_t,
                                  const std::function<absl::Status(int64_t)>&);
  struct Impl;
  const int threads_;
  std::unique_ptr<Impl> impl_;
};

class Awaited;

// What one computation may use. Cheap to copy.
struct ComputeContext {
  // Where loops run; null runs them on the calling thread. Results never depend on it.
  ComputeArena* arena = nullptr;
  // Asked between tiles of work (about 10 ms each): a stopped computation returns CANCELLED.
  std::stop_token stop;
  // Most bytes that one computation may allocate at once; more is RESOURCE_EXHAUSTED before any
  // work is done.
  int64_t scratch_limit_bytes = std::numeric_limits<int64_t>::max();
  // What the same computation may have when it is run again; no more if it is less than the limit.
  int64_t scratch_ceiling_bytes = 0;
  // Where it waits for what others compute, without a thread (awaited.h); null: on its thread.
  Awaited* awaited = nullptr;

  // CANCELLED once stop was requested.
  absl::Status CheckStop() const;
  // RESOURCE_EXHAUSTED, naming `what`, the bytes and the limit, if `bytes` exceeds
  // scratch_limit_bytes: reason SCRATCH_TOO_SMALL, with the bytes as `value`, if the ceiling allows
  // them, else NEVER_FITS.
  absl::Status CheckScratch(int64_t bytes, const char* what) const;
};

// Calls body(i) once for every i in [0, count), in any order and possibly in parallel, and returns
// the first error by index among those that ran (the loop stops early on an error). CANCELLED when
// stop is requested before the end. A thread that waits here never picks up work of another loop,
// so body may hold a lock that others wait for.
absl::Status ParallelFor(const ComputeContext& context, int64_t count,
                         const std::function<absl::Status(int64_t)>& body);

}  // namespace gramian

#endif  // GRAMIAN_BASE_COMPUTE_H_
