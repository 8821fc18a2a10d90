#include "gramian/base/awaited.h"

#include "absl/strings/str_cat.h"
#include "gramian/base/error_reason.h"

namespace gramian {
namespace {

constexpr char kReason[] = "IN_FLIGHT";

}  // namespace

void Wake::Fire() {
  std::function<void()> then;
  {
    MutexLock lock(mutex_);
    fired_ = true;
    then.swap(then_);
  }
  if (then) then();
}

void Wake::Arm(std::function<void()> then) {
  {
    MutexLock lock(mutex_);
    if (!fired_) {
      then_ = std::move(then);
      return;
    }
  }
  then();
}

absl::Status InFlight(absl::string_view what) {
  return WithReason(absl::UnavailableError(absl::StrCat("another call computes ", what)), kReason);
}

bool IsInFlight(const absl::Status& status) { return HasReason(status, kReason); }

std::shared_ptr<Awaited::Place> Awaited::Find(const void* cache, const std::string& key) const {
  MutexLock lock(mutex_);
  const auto it = places_.find({cache, key});
  return it == places_.end() ? nullptr : it->second;
}

void Awaited::Join(const void* cache, const std::string& key, std::shared_ptr<Place> place) {
  MutexLock lock(mutex_);
  // The one before is destroyed after the lock is free: that may stop a flight.
  places_[{cache, key}].swap(place);
}

void Awaited::Leave(const void* cache, const std::string& key) {
  std::shared_ptr<Place> left;  // Destroyed after the lock is free.
  MutexLock lock(mutex_);
  const auto it = places_.find({cache, key});
  if (it == places_.end()) return;
  left = std::move(it->second);
  places_.erase(it);
}

std::shared_ptr<Wake> Awaited::wake() const {
  MutexLock lock(mutex_);
  return wake_;
}

void Awaited::Then(std::stop_token stop, std::function<void()> then) {
  std::shared_ptr<Wake> wake = std::make_shared<Wake>();
  {
    MutexLock lock(mutex_);
    wake.swap(wake_);
  }
  on_stop_.emplace(std::move(stop), [wake] { wake->Fire(); });
  // From here on this object belongs to the next run.
  wake->Arm(std::move(then));
}

void Awaited::Clear() {
  on_stop_.reset();
  std::map<Key, std::shared_ptr<Place>> left;  // Destroyed after the lock is free.
  MutexLock lock(mutex_);
  left.swap(places_);
}

}  // namespace gramian
