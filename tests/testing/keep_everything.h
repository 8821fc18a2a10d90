// A cache that forgets nothing, for tests that ask one thing many times.
#ifndef GRAMIAN_TESTS_TESTING_KEEP_EVERYTHING_H_
#define GRAMIAN_TESTS_TESTING_KEEP_EVERYTHING_H_

#include <map>
#include <memory>
#include <string>

#include "gramian/base/derived.h"

namespace gramian::testing {

// For one thread.
class KeepEverything final : public DerivedCache {
 public:
  absl::StatusOr<std::shared_ptr<const Derived>> GetOrCompute(const std::string& key,
                                                              const ComputeContext& context,
                                                              const Compute& compute) override {
    const auto it = objects_.find(key);
    if (it != objects_.end()) return it->second;
    absl::StatusOr<std::shared_ptr<const Derived>> object = compute(context);
    if (object.ok()) objects_[key] = *object;
    return object;
  }

 private:
  std::map<std::string, std::shared_ptr<const Derived>> objects_;
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_KEEP_EVERYTHING_H_
