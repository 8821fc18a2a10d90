// What the tests of OperatorCache compute.
#ifndef GRAMIAN_TESTS_ENGINE_HELD_COMPUTATION_H_
#define GRAMIAN_TESTS_ENGINE_HELD_COMPUTATION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "gramian/engine/operator_cache.h"
#include "gtest/gtest.h"
#include "tests/engine/threads.h"

namespace gramian {

using DerivedPtr = std::shared_ptr<const Derived>;
using Result = absl::StatusOr<DerivedPtr>;

inline constexpr int64_t kKilobyte = 1000;
inline constexpr int64_t kMegabyte = 1000 * kKilobyte;

class Blob final : public Derived {
 public:
  explicit Blob(int64_t size_bytes) : size_bytes_(size_bytes) {}
  int64_t size_bytes() const override { return size_bytes_; }

 private:
  int64_t size_bytes_;
};

inline DerivedPtr NewBlob(int64_t size_bytes) { return std::make_shared<Blob>(size_bytes); }

inline ComputeContext StoppedBy(const std::stop_source& source) {
  ComputeContext context;
  context.stop = source.get_token();
  return context;
}

// Asks for `key`, whose object has `size_bytes`, and says whether it had to be computed.
inline bool Computes(OperatorCache& cache, const std::string& key, int64_t size_bytes) {
  bool computed = false;
  const Result result = cache.GetOrCompute(key, {}, [&](const ComputeContext&) -> Result {
    computed = true;
    return NewBlob(size_bytes);
  });
  EXPECT_TRUE(result.ok()) << result.status();
  return computed;
}

// A computation that tells when it runs and then waits until it is let go or stopped.
struct HeldComputation {
  Gate running;
  Gate released;
  std::atomic<int> calls{0};
  std::atomic<bool> saw_stop{false};

  DerivedCache::Compute Function() {
    return [this](const ComputeContext& context) -> Result {
      ++calls;
      const std::stop_callback on_stop(context.stop, [this] {
        saw_stop = true;
        released.Open();
      });
      running.Open();
      EXPECT_TRUE(released.Wait());
      if (absl::Status status = context.CheckStop(); !status.ok()) return status;
      return NewBlob(kKilobyte);
    };
  }
};

}  // namespace gramian

#endif  // GRAMIAN_TESTS_ENGINE_HELD_COMPUTATION_H_
