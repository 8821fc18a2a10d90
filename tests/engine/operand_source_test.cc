#include "gramian/engine/operand_source.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/testing/commit.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

class OperandSourceTest : public ::testing::Test {
 protected:
  StoredLayer Layer(int64_t step, int64_t cols) {
    return testing::Commit(
               *store_, {{{"default", "net", step}, "fc"}, "", "probes", "none", 0},
               *testing::AsFloat32(testing::RandomNormal(6, cols, static_cast<uint64_t>(step + 1))))
        .value();
  }

  const std::unique_ptr<ActivationStore> store_ = ActivationStore::Open({}).value();
  NoCache cache_;
};

TEST_F(OperandSourceTest, KnowsKeyAndShapeOfALayerAsItsOperandDoes) {
  const StoredLayer layer = Layer(0, 3);
  const OperandSource source(store_.get(), layer, &cache_);
  const absl::StatusOr<Operand> operand = source.Load();
  ASSERT_TRUE(operand.ok()) << operand.status();
  EXPECT_FALSE(operand->is_network());
  EXPECT_EQ(source.key(), operand->key());
  EXPECT_EQ(source.rows(), 6);
  EXPECT_EQ(source.cols(), 3);
  EXPECT_EQ(OperandSource(*operand).key(), source.key());
}

TEST_F(OperandSourceTest, KnowsKeyAndShapeOfANetworkAsItsOperandDoes) {
  const OperandSource source(store_.get(), {Layer(0, 3), Layer(1, 5), Layer(2, 4)}, Fusion{},
                             &cache_);
  const absl::StatusOr<Operand> operand = source.Load();
  ASSERT_TRUE(operand.ok()) << operand.status();
  EXPECT_TRUE(operand->is_network());
  EXPECT_EQ(operand->layers().size(), 3U);
  EXPECT_EQ(source.key(), operand->key());
  EXPECT_EQ(source.rows(), 6);
  EXPECT_EQ(source.cols(), 5);
}

TEST_F(OperandSourceTest, LoadsWhenAskedAndKeepsWhatItLoaded) {
  const StoredLayer layer = Layer(0, 3);
  const OperandSource early(store_.get(), layer, &cache_);
  const OperandSource late(store_.get(), layer, &cache_);
  ASSERT_TRUE(early.Load().ok());
  ASSERT_TRUE(store_->DeleteSnapshot({"default", "net", 0}).ok());
  EXPECT_TRUE(early.Load().ok());
  EXPECT_TRUE(absl::IsNotFound(late.Load().status()));
  EXPECT_EQ(late.rows(), 6);
}

}  // namespace
}  // namespace gramian
