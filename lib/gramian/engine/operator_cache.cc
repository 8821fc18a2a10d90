#include "gramian/engine/operator_cache.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <list>
#include <new>
#include <optional>
#include <stop_token>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/awaited.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/machine.h"
#include "gramian/base/mutex.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

using DerivedPtr = std::shared_ptr<const Derived>;

// One computation of a missing entry and everybody who waits for it. All members but `stop` and
// `changed` are guarded by the cache's mutex; they carry no annotation because clang cannot name a
// mutex of another object.
struct Flight {
  explicit Flight(int64_t scratch_limit) : scratch_limit_bytes(scratch_limit) {}

  const int64_t scratch_limit_bytes;
  std::stop_source stop;
  std::condition_variable_any changed;
  int64_t interested = 1;  // Callers that have not asked to stop; the leader is the first.
  bool abandoned = false;  // Nobody was interested any more: newcomers start another flight.
  bool done = false;
  absl::StatusOr<DerivedPtr> result = absl::UnknownError("not computed");
  std::vector<std::shared_ptr<Wake>> wakes;  // Of callers that wait without a thread.
};
using FlightPtr = std::shared_ptr<Flight>;

struct Entry {
  std::string key;
  DerivedPtr object;
  int64_t cost_bytes;
  std::chrono::steady_clock::time_point used;
};
using Entries = std::list<Entry>;

double IdleSeconds(const Entry& entry) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - entry.used).count();
}

// What an entry costs: its object, and its key and bookkeeping, so that small objects cannot grow
// in number without limit.
int64_t CostBytes(const std::string& key, const Derived* object) {
  constexpr int64_t kBookkeepingBytes = sizeof(Entry) + 64;
  return kBookkeepingBytes + 2 * static_cast<int64_t>(key.size()) +
         (object == nullptr ? 0 : object->size_bytes());
}

// The exceptions that containers and Eigen may throw end here, because others wait for an answer.
absl::StatusOr<DerivedPtr> ComputeSafely(const std::string& key, const ComputeContext& context,
                                         const DerivedCache::Compute& compute) {
  try {
    return compute(context);
  } catch (const std::bad_alloc&) {
    return OutOfMemory(absl::StrCat("out of memory while computing ", key));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat(error.what(), " while computing ", key));
  }
}

// What one thread computed, for another.
absl::StatusOr<DerivedPtr> HandedOver(const absl::StatusOr<DerivedPtr>& result) {
  if (result.ok()) return result;
  return Unshared(result.status());
}

// Whether a follower that still wants the object should try again instead of passing on the
// leader's failure.
bool IsLeadersOwnFailure(const absl::Status& status, const Flight& flight,
                         const ComputeContext& context) {
  return absl::IsCancelled(status) || IsInFlight(status) ||
         (absl::IsResourceExhausted(status) &&
          flight.scratch_limit_bytes < context.scratch_limit_bytes);
}

}  // namespace

struct OperatorCache::Impl {
  explicit Impl(int64_t limit) : limit_bytes(limit) { stats.limit_bytes = limit; }

  // The entry of `key`, which becomes the most recently used; end() if there is none.
  Entries::iterator Touch(const std::string& key) GRAMIAN_REQUIRES(mutex) {
    const auto it = index.find(key);
    if (it == index.end()) return entries.end();
    entries.splice(entries.begin(), entries, it->second);
    it->second->used = std::chrono::steady_clock::now();
    return it->second;
  }

  // Moves the least recently used entry to `removed`, so that it is destroyed after the lock is
  // released.
  void EvictLast(Entries& removed) GRAMIAN_REQUIRES(mutex) {
    ++stats.evictions;
    stats.evicted_bytes += entries.back().cost_bytes;
    stats.last_evicted_idle_seconds = IdleSeconds(entries.back());
    stats.bytes -= entries.back().cost_bytes;
    index.erase(entries.back().key);
    removed.splice(removed.end(), entries, std::prev(entries.end()));
  }

  // One caller's stop was requested. Runs on whatever thread requested it.
  void Leave(Flight& flight) GRAMIAN_EXCLUDES(mutex) {
    bool last = false;
    {
      MutexLock lock(mutex);
      last = --flight.interested == 0 && !flight.done;
      flight.abandoned |= last;
    }
    flight.changed.notify_all();
    // Outside the lock: this runs the callbacks of nested computations, which come here again.
    if (last) flight.stop.request_stop();
  }

  // A follower's interest in a flight while it has no thread.
  class Place final : public Awaited::Place {
   public:
    Place(Impl* impl, FlightPtr joined) : flight(std::move(joined)), impl_(impl) {}
    ~Place() override { impl_->Leave(*flight); }
    const FlightPtr flight;

   private:
    Impl* const impl_;
  };

  absl::StatusOr<DerivedPtr> Lead(const std::string& key, const FlightPtr& flight,
                                  const ComputeContext& context, const Compute& compute);
  // The outcome of the flight, for which the caller waits. Nothing if there is none yet and the
  // caller waits without a thread: it is woken when there is.
  std::optional<absl::StatusOr<DerivedPtr>> Follow(const FlightPtr& flight,
                                                   const ComputeContext& context);
  // The flight of `key` that this computation has joined without a thread; null if there is none.
  FlightPtr Joined(const std::string& key, const ComputeContext& context) {
    if (context.awaited == nullptr) return nullptr;
    const std::shared_ptr<Awaited::Place> place = context.awaited->Find(this, key);
    return place == nullptr ? nullptr : static_cast<const Place&>(*place).flight;
  }
  void Insert(const std::string& key, const DerivedPtr& object, int64_t cost_bytes,
              Entries& removed) GRAMIAN_REQUIRES(mutex);

  const int64_t limit_bytes;
  Mutex mutex;
  Entries entries GRAMIAN_GUARDED_BY(mutex);  // Most recently used first.
  std::unordered_map<std::string, Entries::iterator> index GRAMIAN_GUARDED_BY(mutex);
  std::unordered_map<std::string, FlightPtr> flights GRAMIAN_GUARDED_BY(mutex);
  CacheStats stats GRAMIAN_GUARDED_BY(mutex);
};

void OperatorCache::Impl::Insert(const std::string& key, const DerivedPtr& object,
                                 int64_t cost_bytes, Entries& removed) {
  // An abandoned flight may end well after a second flight of the same key has.
  if (cost_bytes > limit_bytes || index.count(key) > 0) return;
  while (stats.bytes > limit_bytes - cost_bytes) EvictLast(removed);
  entries.push_front({key, object, cost_bytes, std::chrono::steady_clock::now()});
  index.emplace(key, entries.begin());
  stats.bytes += cost_bytes;
}

absl::StatusOr<DerivedPtr> OperatorCache::Impl::Lead(const std::string& key,
                                                     const FlightPtr& flight,
                                                     const ComputeContext& context,
                                                     const Compute& compute) {
  const std::stop_callback on_stop(context.stop, [this, flight] { Leave(*flight); });
  ComputeContext shared = context;
  shared.stop = flight->stop.get_token();
  absl::StatusOr<DerivedPtr> result = ComputeSafely(key, shared, compute);
  const int64_t cost_bytes = result.ok() ? CostBytes(key, result->get()) : 0;
  Entries removed;
  std::vector<std::shared_ptr<Wake>> wakes;
  {
    MutexLock lock(mutex);
    const auto it = flights.find(key);
    if (it != flights.end() && it->second == flight) flights.erase(it);
    if (result.ok()) Insert(key, *result, cost_bytes, removed);
    flight->result = HandedOver(result);
    flight->done = true;
    wakes.swap(flight->wakes);
  }
  flight->changed.notify_all();
  for (const std::shared_ptr<Wake>& wake : wakes) wake->Fire();
  return result;
}

std::optional<absl::StatusOr<DerivedPtr>> OperatorCache::Impl::Follow(
    const FlightPtr& flight, const ComputeContext& context) {
  if (context.awaited != nullptr) {
    std::shared_ptr<Wake> wake = context.awaited->wake();
    MutexLock lock(mutex);
    if (flight->done) return HandedOver(flight->result);
    flight->wakes.push_back(std::move(wake));
    return std::nullopt;
  }
  const std::stop_callback on_stop(context.stop, [this, flight] { Leave(*flight); });
  MutexLock lock(mutex);
  while (!flight->done) {
    if (absl::Status status = context.CheckStop(); !status.ok()) return status;
    flight->changed.wait(mutex);
  }
  return HandedOver(flight->result);
}

OperatorCache::OperatorCache(int64_t limit_bytes) : impl_(std::make_unique<Impl>(limit_bytes)) {}

OperatorCache::~OperatorCache() = default;

absl::StatusOr<DerivedPtr> OperatorCache::GetOrCompute(const std::string& key,
                                                       const ComputeContext& context,
                                                       const Compute& compute) {
  // Each further round follows another caller's failed flight, and ends when this caller leads one
  // itself.
  while (true) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckStop());
    FlightPtr flight = impl_->Joined(key, context);
    const bool is_new = flight == nullptr;
    bool leads = false;
    if (is_new) {
      MutexLock lock(impl_->mutex);
      const auto entry = impl_->Touch(key);
      if (entry != impl_->entries.end()) {
        ++impl_->stats.hits;
        return entry->object;
      }
      FlightPtr& current = impl_->flights[key];
      leads = current == nullptr || current->abandoned;
      if (leads) {
        current = std::make_shared<Flight>(context.scratch_limit_bytes);
        ++impl_->stats.misses;
      } else {
        ++current->interested;
        ++impl_->stats.coalesced;
      }
      flight = current;
    }
    if (leads) return impl_->Lead(key, flight, context, compute);
    if (is_new && context.awaited != nullptr) {
      context.awaited->Join(impl_.get(), key, std::make_shared<Impl::Place>(impl_.get(), flight));
    }
    const std::optional<absl::StatusOr<DerivedPtr>> result = impl_->Follow(flight, context);
    if (!result.has_value()) return InFlight(key);
    if (result->ok() || !IsLeadersOwnFailure(result->status(), *flight, context)) return *result;
    if (context.awaited != nullptr) context.awaited->Leave(impl_.get(), key);
  }
}

int64_t OperatorCache::Clear() {
  Entries removed;
  MutexLock lock(impl_->mutex);
  const int64_t bytes = impl_->stats.bytes;
  removed.swap(impl_->entries);
  impl_->index.clear();
  impl_->stats.bytes = 0;
  return bytes;
}

int64_t OperatorCache::Evict(int64_t bytes) {
  Entries removed;
  MutexLock lock(impl_->mutex);
  int64_t evicted = 0;
  while (evicted < bytes && !impl_->entries.empty()) {
    evicted += impl_->entries.back().cost_bytes;
    impl_->EvictLast(removed);
  }
  return evicted;
}

CacheStats OperatorCache::Stats() const {
  MutexLock lock(impl_->mutex);
  CacheStats stats = impl_->stats;
  stats.entries = static_cast<int64_t>(impl_->entries.size());
  return stats;
}

std::vector<CachedObject> OperatorCache::List(int64_t count) const {
  MutexLock lock(impl_->mutex);
  std::vector<CachedObject> objects;
  for (const Entry& entry : impl_->entries) {
    if (static_cast<int64_t>(objects.size()) >= count) break;
    objects.push_back({entry.key, entry.cost_bytes, IdleSeconds(entry)});
  }
  return objects;
}

}  // namespace gramian
