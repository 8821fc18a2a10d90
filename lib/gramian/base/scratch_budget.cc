#include "gramian/base/scratch_budget.h"

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"

namespace gramian {
namespace {

// Kept from the batch lane: a share of the limit.
constexpr int64_t kInteractiveShare = 8;
// Answers on their way: a share of the limit. Computing one takes at least twice its bytes.
constexpr int64_t kAnswerShare = 2;

}  // namespace

ScratchBudget::Lease::Lease(Lease&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)), use_(other.use_), bytes_(other.bytes_) {}

ScratchBudget::Lease& ScratchBudget::Lease::operator=(Lease&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(use_, other.use_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

ScratchBudget::Lease::~Lease() {
  if (budget_ != nullptr) budget_->Release(use_, bytes_);
}

ScratchBudget::ScratchBudget(ScratchLimits limits) : limits_(std::move(limits)) {}

absl::StatusOr<ScratchBudget::Lease> ScratchBudget::Acquire(int64_t bytes, Lane lane,
                                                            std::stop_token stop) {
  if (bytes > limits_.limit_bytes) {
    return NeverFits(absl::StrCat("a computation needs ", bytes, " bytes of scratch, the limit is ",
                                  limits_.limit_bytes),
                     bytes, limits_.limit_bytes);
  }
  const Ticket ticket{lane};
  // Before the lock: its end waits for a call that is under way.
  const std::stop_callback wake(stop, [this] {
    MutexLock waking(mutex_);
    changed_.notify_all();
  });
  MutexLock lock(mutex_);
  const bool must_wait = !HasPrecedence(lane) || RoomFor(bytes, lane) == Room::kLater;
  if (must_wait && static_cast<int64_t>(queue_.size()) >= limits_.queue_limit) {
    ++refused_;
    return WithReason(
        absl::UnavailableError("too many computations wait for memory"), "QUEUE_FULL",
        {{"limit", absl::StrCat(limits_.queue_limit)}, {"value", absl::StrCat(queue_.size() + 1)}});
  }
  queue_.push_back(&ticket);
  const absl::Cleanup leave = [this, &ticket]() GRAMIAN_REQUIRES(mutex_) {
    queue_.erase(std::find(queue_.begin(), queue_.end(), &ticket));
    changed_.notify_all();
  };
  while (true) {
    if (stop.stop_requested()) return absl::CancelledError("stopped while waiting for memory");
    if (IsNext(&ticket)) {
      const Room room = RoomFor(bytes, lane);
      if (room == Room::kNever) return Pressure(bytes);
      if (room == Room::kEnough) break;
    }
    changed_.wait(mutex_);
  }
  leased_bytes_ += bytes;
  return Lease(this, Use::kComputation, bytes);
}

absl::StatusOr<ScratchBudget::Lease> ScratchBudget::HoldAnswer(int64_t bytes) {
  const int64_t limit_bytes = limits_.limit_bytes / kAnswerShare;
  if (bytes > limit_bytes) {
    return NeverFits(absl::StrCat("an answer of ", bytes, " bytes exceeds the limit of ",
                                  limit_bytes, " for answers on their way"),
                     bytes, limit_bytes);
  }
  MutexLock lock(mutex_);
  if (bytes > limit_bytes - answer_bytes_) {
    ++refused_;
    return MemoryPressure(
        absl::StrCat("an answer of ", bytes,
                     " bytes does not fit, others that wait for their clients take ", answer_bytes_,
                     " of ", limit_bytes),
        bytes, limit_bytes);
  }
  answer_bytes_ += bytes;
  return Lease(this, Use::kAnswer, bytes);
}

void ScratchBudget::MakeRoom(int64_t bytes) {
  MutexLock lock(mutex_);
  MakeRoomLocked(bytes);
}

ScratchBudget::Stats ScratchBudget::GetStats() const {
  MutexLock lock(mutex_);
  return {leased_bytes_, answer_bytes_, limits_.limit_bytes, static_cast<int64_t>(queue_.size()),
          refused_};
}

void ScratchBudget::Release(Use use, int64_t bytes) {
  MutexLock lock(mutex_);
  (use == Use::kAnswer ? answer_bytes_ : leased_bytes_) -= bytes;
  // What was computed may be kept now: it has to fit beside the leases that are left.
  MakeRoomLocked(0);
  changed_.notify_all();
}

bool ScratchBudget::HasPrecedence(Lane lane) const {
  return std::none_of(queue_.begin(), queue_.end(), [lane](const Ticket* other) {
    return other->lane == lane || other->lane == Lane::kInteractive;
  });
}

bool ScratchBudget::IsNext(const Ticket* ticket) const {
  const auto interactive = std::find_if(queue_.begin(), queue_.end(), [](const Ticket* other) {
    return other->lane == Lane::kInteractive;
  });
  return (interactive == queue_.end() ? queue_.front() : *interactive) == ticket;
}

int64_t ScratchBudget::HeldBytes() const {
  return answer_bytes_ + (limits_.held_elsewhere ? limits_.held_elsewhere() : 0);
}

void ScratchBudget::MakeRoomLocked(int64_t bytes) {
  if (!limits_.held_elsewhere || !limits_.make_room) return;
  const int64_t soft_bytes = limits_.memory_bytes / 10 * 9;
  const int64_t held_bytes = HeldBytes();
  // Each of the three is far from what an int64_t holds.
  const int64_t excess_bytes = leased_bytes_ + bytes + held_bytes - soft_bytes;
  if (excess_bytes > 0) limits_.make_room(excess_bytes);
}

ScratchBudget::Room ScratchBudget::RoomFor(int64_t bytes, Lane lane) {
  const int64_t kept_bytes = lane == Lane::kBatch ? limits_.limit_bytes / kInteractiveShare : 0;
  if (leased_bytes_ > 0 && bytes > limits_.limit_bytes - kept_bytes - leased_bytes_) {
    return Room::kLater;
  }
  MakeRoomLocked(bytes);
  if (bytes <= limits_.memory_bytes - HeldBytes() - leased_bytes_) return Room::kEnough;
  return leased_bytes_ > 0 ? Room::kLater : Room::kNever;
}

absl::Status ScratchBudget::Pressure(int64_t bytes) {
  ++refused_;
  const int64_t left_bytes = limits_.memory_bytes - HeldBytes();
  return MemoryPressure(
      absl::StrCat("a computation needs ", bytes, " bytes of scratch, ",
                   std::max<int64_t>(left_bytes, 0), " are free of ", limits_.memory_bytes),
      bytes, limits_.memory_bytes);
}

}  // namespace gramian
