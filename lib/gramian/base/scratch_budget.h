// Memory that running computations may allocate, shared out before they allocate it.
#ifndef GRAMIAN_BASE_SCRATCH_BUDGET_H_
#define GRAMIAN_BASE_SCRATCH_BUDGET_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <stop_token>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/mutex.h"

namespace gramian {

// What memory there is. Functions are called with a lock held and must not come back here.
struct ScratchLimits {
  int64_t limit_bytes = std::numeric_limits<int64_t>::max();  // of all leases together, > 0
  int64_t queue_limit = 1024;                                 // callers that may wait
  // Leases and what others hold may come to so much: beyond nine tenths of it `make_room` is asked
  // to free what it can, beyond it nothing is leased.
  int64_t memory_bytes = std::numeric_limits<int64_t>::max();
  std::function<int64_t()> held_elsewhere;  // null: nothing
  std::function<void(int64_t)> make_room;   // frees at least so many bytes if it can; null: never
};

// Leases bytes to computations. Thread-safe. Who finds too little waits, interactive requests
// first, first come first served within a lane. Nobody may wait while holding a lease; so waiting
// ends. An eighth of the limit is kept from the batch lane as long as someone computes. Answers
// that wait for their clients take half as much again: no client's leisure keeps a computation
// waiting.
class ScratchBudget {
  enum class Use { kComputation, kAnswer };

 public:
  // Bytes that one computation may allocate, or that an answer takes, until destroyed.
  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();
    int64_t bytes() const { return bytes_; }

   private:
    friend class ScratchBudget;
    Lease(ScratchBudget* budget, Use use, int64_t bytes)
        : budget_(budget), use_(use), bytes_(bytes) {}
    ScratchBudget* budget_;
    Use use_;
    int64_t bytes_;
  };

  struct Stats {
    int64_t leased_bytes = 0;  // to computations
    int64_t answer_bytes = 0;  // of answers that wait for their clients
    int64_t limit_bytes = 0;   // of leased_bytes; answers have half of it
    int64_t waiting = 0;
    int64_t refused = 0;  // since the start
  };

  explicit ScratchBudget(ScratchLimits limits);

  // Waits until `bytes` > 0 can be had. RESOURCE_EXHAUSTED, reason NEVER_FITS, if they exceed the
  // limit; reason MEMORY_PRESSURE if others than computations hold the memory; UNAVAILABLE, reason
  // QUEUE_FULL, if queue_limit callers wait already; CANCELLED when `stop` is requested.
  absl::StatusOr<Lease> Acquire(int64_t bytes, Lane lane, std::stop_token stop);

  // Holds `bytes` >= 0 of an answer, which are part of a lease still, until its client has it.
  // Never waits. RESOURCE_EXHAUSTED, reason MEMORY_PRESSURE, if answers would hold more than half
  // of the limit; NEVER_FITS if this one alone does.
  absl::StatusOr<Lease> HoldAnswer(int64_t bytes);

  // Asks for room if nine tenths of the memory are taken and `bytes` more come.
  void MakeRoom(int64_t bytes);

  Stats GetStats() const;

 private:
  enum class Room { kEnough, kLater, kNever };
  // One who waits; the address is its place in the queue.
  struct Ticket {
    Lane lane;
  };

  void Release(Use use, int64_t bytes);
  // What is not leased to computations.
  int64_t HeldBytes() const GRAMIAN_REQUIRES(mutex_);
  bool IsNext(const Ticket* ticket) const GRAMIAN_REQUIRES(mutex_);
  bool HasPrecedence(Lane lane) const GRAMIAN_REQUIRES(mutex_);
  void MakeRoomLocked(int64_t bytes) GRAMIAN_REQUIRES(mutex_);
  Room RoomFor(int64_t bytes, Lane lane) GRAMIAN_REQUIRES(mutex_);
  absl::Status Pressure(int64_t bytes) GRAMIAN_REQUIRES(mutex_);

  const ScratchLimits limits_;
  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<const Ticket*> queue_ GRAMIAN_GUARDED_BY(mutex_);
  int64_t leased_bytes_ GRAMIAN_GUARDED_BY(mutex_) = 0;
  int64_t answer_bytes_ GRAMIAN_GUARDED_BY(mutex_) = 0;
  int64_t refused_ GRAMIAN_GUARDED_BY(mutex_) = 0;
};

}  // namespace gramian

#endif  // GRAMIAN_BASE_SCRATCH_BUDGET_H_
