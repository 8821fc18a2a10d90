#include "server/paging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gramian {
namespace {

const std::vector<std::string> kKeys = {"a", "b", "c", "d", "e"};

TEST(PagingTest, PagesCoverTheListOnce) {
  std::vector<std::string> seen;
  std::string token;
  for (int i = 0; i < 3; ++i) {
    const auto page = FindPage(kKeys, "list", 2, token, 100);
    ASSERT_TRUE(page.ok()) << page.status();
    for (size_t k = page->begin; k < page->end; ++k) seen.push_back(kKeys[k]);
    token = page->next_token;
  }
  EXPECT_EQ(seen, kKeys);
  EXPECT_EQ(token, "");
}

TEST(PagingTest, ZeroAndTooLargeSizesMeanTheLimit) {
  for (const int32_t size : {0, 4, 1000}) {
    const auto page = FindPage(kKeys, "list", size, "", 3);
    ASSERT_TRUE(page.ok());
    EXPECT_EQ(page->end, 3u) << size;
  }
}

TEST(PagingTest, NegativeSizeIsRefused) {
  EXPECT_EQ(FindPage(kKeys, "list", -1, "", 3).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(PagingTest, TokenOfAnotherListIsRefused) {
  const auto page = FindPage(kKeys, "list", 2, "", 100);
  ASSERT_TRUE(page.ok());
  for (const std::string& token : {page->next_token, std::string("%%%"), std::string("aGVsbG8")}) {
    EXPECT_EQ(FindPage(kKeys, "other", 2, token, 100).status().code(),
              absl::StatusCode::kInvalidArgument)
        << token;
  }
}

TEST(PagingTest, ElementsThatComeAndGoShiftNothing) {
  const auto first = FindPage(kKeys, "list", 2, "", 100);
  ASSERT_TRUE(first.ok());
  const std::vector<std::string> changed = {"a", "aa", "c", "d", "e"};
  const auto second = FindPage(changed, "list", 2, first->next_token, 100);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(changed[second->begin], "c");
}

TEST(PagingTest, NumbersSortAsText) {
  EXPECT_LT(SortableNumber(9), SortableNumber(10));
  EXPECT_LT(SortableNumber(0), SortableNumber(1));
  EXPECT_LT(SortableNumber(999'999'999'999), SortableNumber(INT64_MAX));
}

}  // namespace
}  // namespace gramian
