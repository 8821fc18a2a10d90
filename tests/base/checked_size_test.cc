#include "gramian/base/checked_size.h"

#include <cstdint>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(CheckedProductTest, MultipliesWhatFits) {
  EXPECT_EQ(CheckedProduct({}, "size").value(), 1);
  EXPECT_EQ(CheckedProduct({0, kMax}, "size").value(), 0);
  EXPECT_EQ(CheckedProduct({3, 5, 7}, "size").value(), 105);
}

TEST(CheckedProductTest, ReachesTheLargestNumberAndNoFurther) {
  EXPECT_EQ(CheckedProduct({kMax, 1}, "size").value(), kMax);
  // 2^63 - 1 = 7 * 1317624576693539401.
  EXPECT_EQ(CheckedProduct({7, kMax / 7}, "size").value(), kMax);
  EXPECT_EQ(CheckedProduct({7, kMax / 7 + 1}, "size").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CheckedProduct({int64_t{1} << 32, int64_t{1} << 31}, "size").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(CheckedProductTest, NamesWhatIsWrong) {
  const absl::Status negative = CheckedProduct({4, -1}, "the number of rows").status();
  EXPECT_EQ(negative.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(negative.message(), HasSubstr("the number of rows is negative"));
  const absl::Status large = CheckedProduct({kMax, 2}, "the size").status();
  EXPECT_THAT(large.message(), HasSubstr("the size does not fit"));
}

}  // namespace
}  // namespace gramian
