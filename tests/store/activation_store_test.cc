#include "gramian/store/activation_store.h"

#include "gtest/gtest.h"

namespace gramian {
namespace {

TEST(ActivationStoreTest, OpensInMemory) { EXPECT_TRUE(ActivationStore::Open({}).ok()); }

}  // namespace
}  // namespace gramian
