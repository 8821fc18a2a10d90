// How a computation waits for what others compute without keeping a thread.
#ifndef GRAMIAN_BASE_AWAITED_H_
#define GRAMIAN_BASE_AWAITED_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gramian/base/mutex.h"

namespace gramian {

// A function that is called once, by the first of several who may. Thread-safe.
class Wake {
 public:
  // Calls the function that was armed; if none was yet, Arm will. No effect from the second call
  // on.
  void Fire();
  // Once. May call `then` before it returns.
  void Arm(std::function<void()> then);

 private:
  Mutex mutex_;
  bool fired_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::function<void()> then_ GRAMIAN_GUARDED_BY(mutex_);
};

// UNAVAILABLE, reason IN_FLIGHT: somebody else is computing `what`. Never leaves the process.
absl::Status InFlight(absl::string_view what);
bool IsInFlight(const absl::Status& status);

// The flights, computations led by others, that one computation needs. A cache that finds one under
// way joins it here and returns InFlight, which passes through the computation as errors do; who
// started the computation runs it again, with the same Awaited, when Then() says so. What had been
// finished is in caches by then, or here. Flights stay joined between the runs, so that none is
// stopped for want of interest.
//
// One run at a time; the threads of a run may share it.
class Awaited {
 public:
  // A place in a flight; who destroys it is not interested any more.
  class Place {
   public:
    virtual ~Place() = default;
  };

  // For caches: the place taken for `key` of `cache`, null if none is; takes one in place of that;
  // gives it back.
  std::shared_ptr<Place> Find(const void* cache, const std::string& key) const;
  void Join(const void* cache, const std::string& key, std::shared_ptr<Place> place);
  void Leave(const void* cache, const std::string& key);
  // To be fired when a flight that this run found under way is done.
  std::shared_ptr<Wake> wake() const;

  // After a run that ended in InFlight: `then` is called once, when one of the flights it met is
  // done or `stop` is requested, on any thread and perhaps before this returns. It may destroy this
  // object.
  void Then(std::stop_token stop, std::function<void()> then);
  // Leaves all flights. Not while Then() has yet to call.
  void Clear();

 private:
  using Key = std::pair<const void*, std::string>;

  mutable Mutex mutex_;
  std::map<Key, std::shared_ptr<Place>> places_ GRAMIAN_GUARDED_BY(mutex_);
  std::shared_ptr<Wake> wake_ GRAMIAN_GUARDED_BY(mutex_) = std::make_shared<Wake>();
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

}  // namespace gramian

#endif  // GRAMIAN_BASE_AWAITED_H_
