#include "gramian/measure/operand.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gramian/base/blas.h"
#include "gtest/gtest.h"
#include "tests/measure/compare.h"

namespace gramian {
namespace {

using testing::AsFloat32;
using testing::RandomActivations;

// Remembers objects and counts how often each key was computed.
class CountingCache final : public DerivedCache {
 public:
  absl::StatusOr<std::shared_ptr<const Derived>> GetOrCompute(const std::string& key,
                                                              const ComputeContext& context,
                                                              const Compute& compute) override {
    const auto it = objects_.find(key);
    if (it != objects_.end()) return it->second;
    ++computed;
    absl::StatusOr<std::shared_ptr<const Derived>> object = compute(context);
    if (object.ok()) objects_[key] = *object;
    return object;
  }
  int computed = 0;

 private:
  std::map<std::string, std::shared_ptr<const Derived>> objects_;
};

class OperandTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(InitializeBlas().ok()); }
  CountingCache cache_;
};

TEST_F(OperandTest, ALayerIsTurnedIntoAnOperatorOnceForEveryTime) {
  const Operand a(AsFloat32(RandomActivations(50, 6, 1)), &cache_);
  const Operand b(AsFloat32(RandomActivations(50, 8, 2)), &cache_);
  ASSERT_TRUE(testing::TryCompare("ms-cka-t=2", a, b).ok());
  const int after_first = cache_.computed;
  for (const char* measure : {"ms-cka-t=3", "ms-cka-t=8", "ms-cka-t=64"}) {
    ASSERT_TRUE(testing::TryCompare(measure, a, b).ok());
  }
  EXPECT_EQ(cache_.computed, after_first);
}

TEST_F(OperandTest, EqualContentHasEqualKeysWhereverItCameFrom) {
  const Matrix x = RandomActivations(20, 3, 3);
  const Matrix y = RandomActivations(20, 3, 4);
  EXPECT_EQ(Operand(AsFloat32(x), &cache_).key(), Operand(AsFloat32(x), &cache_).key());
  EXPECT_NE(Operand(AsFloat32(x), &cache_).key(), Operand(AsFloat32(y), &cache_).key());
  const std::vector<std::shared_ptr<const Representation>> forth = {AsFloat32(x), AsFloat32(y)};
  const std::vector<std::shared_ptr<const Representation>> back = {AsFloat32(y), AsFloat32(x)};
  EXPECT_NE(Operand(forth, Fusion{}, &cache_).key(), Operand(back, Fusion{}, &cache_).key());
  EXPECT_NE(Operand(forth, Fusion{}, &cache_).key(),
            Operand(forth, Fusion{FusionOrder::kReversed, 1.0}, &cache_).key());
}

TEST_F(OperandTest, NothingIsNByNWhenFeaturesAreFew) {
  // 4,000 inputs: one n x n array of doubles would be 128 MB; a tenth of that has to do.
  ComputeContext context;
  context.scratch_limit_bytes = 12 << 20;
  const Matrix x = RandomActivations(4000, 24, 5);
  const Operand a(AsFloat32(x), &cache_);
  const Operand b(AsFloat32(testing::RandomRelated(x, 16, 0.5, 6)), &cache_);
  for (const char* measure : {"cka", "cka-hsic=song", "ms-cka-t=4", "ms-cka-kernel=cosine-t=2",
                              "distcorr", "cka-kernel=rbf-bandwidth=fixed:1"}) {
    EXPECT_TRUE(testing::TryCompare(measure, a, b, Form::kAuto, context).ok()) << measure;
  }
  EXPECT_EQ(testing::TryCompare("ms-distcorr-t=2", a, b, Form::kAuto, context).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(OperandTest, TheWidestLayerGivesTheColumnsOfANetwork) {
  const std::vector<std::shared_ptr<const Representation>> layers = {
      AsFloat32(RandomActivations(20, 3, 7)), AsFloat32(RandomActivations(20, 9, 8)),
      AsFloat32(RandomActivations(20, 4, 9))};
  const Operand network(layers, Fusion{}, &cache_);
  EXPECT_TRUE(network.is_network());
  EXPECT_EQ(network.rows(), 20);
  EXPECT_EQ(network.cols(), 9);
}

}  // namespace
}  // namespace gramian
