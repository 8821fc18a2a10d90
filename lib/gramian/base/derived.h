// Objects derived from activations, and the seam behind which they are cached.
#ifndef GRAMIAN_BASE_DERIVED_H_
#define GRAMIAN_BASE_DERIVED_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/status_macros.h"

namespace gramian {

// An immutable object computed from activations: moments, a spectral operator, a bandwidth.
class Derived {
 public:
  virtual ~Derived() = default;
  // Bytes of memory it holds by itself; what it shares with the activation store is not counted.
  virtual int64_t size_bytes() const = 0;
};

// Gives a derived object by key, computing it when it is missing. The key names everything the
// object depends on (content digests, kind, parameters), so an entry never goes stale. Thread-safe.
class DerivedCache {
 public:
  using Compute =
      std::function<absl::StatusOr<std::shared_ptr<const Derived>>(const ComputeContext&)>;

  virtual ~DerivedCache() = default;
  // Returns the object of `key`, calling `compute` if need be; concurrent callers of one key share
  // one computation. Passes on the error of `compute`, which is not cached; CANCELLED if
  // context.stop fires while waiting. With context.awaited nobody waits here: InFlight if another
  // caller is computing the object, and context.awaited tells when to ask again.
  virtual absl::StatusOr<std::shared_ptr<const Derived>> GetOrCompute(const std::string& key,
                                                                      const ComputeContext& context,
                                                                      const Compute& compute) = 0;
};

// Computes every time and keeps nothing: for one-off use of the measures without an engine.
class NoCache final : public DerivedCache {
 public:
  absl::StatusOr<std::shared_ptr<const Derived>> GetOrCompute(const std::string& /*key*/,
                                                              const ComputeContext& context,
                                                              const Compute& compute) override {
    return compute(context);
  }
};

// A T with size_bytes() in a cache. Null is cached too: that a layer is constant is an answer.
template <typename T>
class DerivedPointer final : public Derived {
 public:
  explicit DerivedPointer(std::shared_ptr<const T> pointer) : value(std::move(pointer)) {}
  int64_t size_bytes() const override {
    return static_cast<int64_t>(sizeof(*this)) + (value == nullptr ? 0 : value->size_bytes());
  }
  const std::shared_ptr<const T> value;
};

// The T of `key`, computed if need be with compute(context) -> StatusOr<shared_ptr<const T>>. A key
// belongs to one T.
template <typename T, typename ComputeT>
absl::StatusOr<std::shared_ptr<const T>> GetOrComputeAs(DerivedCache* cache, const std::string& key,
                                                        const ComputeContext& context,
                                                        const ComputeT& compute) {
  GRAMIAN_ASSIGN_OR_RETURN(
      const std::shared_ptr<const Derived> derived,
      cache->GetOrCompute(key, context,
                          [&](const ComputeContext& entry_context)
                              -> absl::StatusOr<std::shared_ptr<const Derived>> {
                            GRAMIAN_ASSIGN_OR_RETURN(std::shared_ptr<const T> value,
                                                     compute(entry_context));
                            return std::make_shared<const DerivedPointer<T>>(std::move(value));
                          }));
  return static_cast<const DerivedPointer<T>&>(*derived).value;
}

}  // namespace gramian

#endif  // GRAMIAN_BASE_DERIVED_H_
