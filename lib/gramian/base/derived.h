// Objects derived from activations, and the seam behind which they are cached.
#ifndef GRAMIAN_BASE_DERIVED_H_
#define GRAMIAN_BASE_DERIVED_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"

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
  // context.stop fires while waiting.
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

}  // namespace gramian

#endif  // GRAMIAN_BASE_DERIVED_H_
