// Derived objects by key, within a byte budget, each computed once.
#ifndef GRAMIAN_ENGINE_OPERATOR_CACHE_H_
#define GRAMIAN_ENGINE_OPERATOR_CACHE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gramian/base/derived.h"

namespace gramian {

// Counters since construction and present totals.
struct CacheStats {
  int64_t hits = 0;
  int64_t misses = 0;     // lookups that led a computation
  int64_t coalesced = 0;  // lookups that waited for another's computation
  int64_t evictions = 0;
  int64_t evicted_bytes = 0;
  int64_t entries = 0;
  int64_t bytes = 0;
  int64_t limit_bytes = 0;
  // How long the object that was dropped last to make room had not been used: about the time that
  // objects are kept. 0 before the first.
  double last_evicted_idle_seconds = 0;
};

// One object that is kept.
struct CachedObject {
  std::string key;
  int64_t bytes = 0;  // what it costs
  double idle_seconds = 0;
};

// An LRU cache of Derived objects. Thread-safe.
//
// Single flight: of concurrent callers of one missing key one leads the computation and the others
// wait. The computation belongs to the entry: it is stopped only when every caller, the leader
// included, has asked to stop, so one client's deadline cannot fail another's request. Nor can
// another's smaller scratch limit, nor can a leader that gave its thread back because of another
// flight. Any other failure goes to all who waited; no failure is cached.
// std::bad_alloc in a computation is RESOURCE_EXHAUSTED.
//
// An entry costs its object's bytes and some 200 for key and bookkeeping. An object larger than the
// whole budget is handed out and not kept. An evicted object lives on while someone uses it. No
// lock is held while computing, and a computation may ask for objects of other keys; one that asks
// for its own waits forever.
class OperatorCache final : public DerivedCache {
 public:
  // limit_bytes >= 0.
  explicit OperatorCache(int64_t limit_bytes);
  ~OperatorCache() override;

  absl::StatusOr<std::shared_ptr<const Derived>> GetOrCompute(const std::string& key,
                                                              const ComputeContext& context,
                                                              const Compute& compute) override;
  // Drops every entry that is not being computed; returns the bytes dropped.
  int64_t Clear();
  // Drops entries that were not used for the longest time, at least `bytes` of them if there are so
  // many; returns the bytes dropped.
  int64_t Evict(int64_t bytes);

  CacheStats Stats() const;
  // At most `count` >= 0 of the kept objects, the most recently used first.
  std::vector<CachedObject> List(int64_t count) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_OPERATOR_CACHE_H_
