#include "server/quota_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gramian {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(QuotaListTest, WhatIsNotSaidIsAsForEverybodyAndThenAsTheFlags) {
  Quotas flags;
  flags.stored_bytes = 1000;
  flags.calls_per_second = 5;
  const auto list = QuotaList::Parse(
      R"({"vision": {"open_uploads": 64, "stored_bytes": 0}, "*": {"calls_per_second": 50}})",
      flags);
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->Of("vision").open_uploads, 64);
  EXPECT_EQ(list->Of("vision").stored_bytes, 0);
  EXPECT_EQ(list->Of("vision").calls_per_second, 50);
  EXPECT_EQ(list->Of("vision").burst(), 50);
  EXPECT_EQ(list->Of("audio").open_uploads, 0);
  EXPECT_EQ(list->Of("audio").stored_bytes, 1000);
  EXPECT_EQ(list->Of("audio").calls_per_second, 50);
  EXPECT_THAT(list->projects(), ElementsAre("vision"));
  EXPECT_EQ(QuotaList(flags).Of("vision").calls_per_second, 5);
}

TEST(QuotaListTest, EveryQuotaHasItsKey) {
  const auto list = QuotaList::Parse(
      R"({"p": {"stored_bytes": 1, "open_uploads": 2, "calls_per_second": 3, "burst_calls": 4,
                "open_calls": 5, "bytes_per_second": 65536, "compute_seconds_per_hour": 7}})",
      {});
  ASSERT_TRUE(list.ok()) << list.status();
  const Quotas& quotas = list->Of("p");
  EXPECT_EQ(quotas.stored_bytes, 1);
  EXPECT_EQ(quotas.open_uploads, 2);
  EXPECT_EQ(quotas.calls_per_second, 3);
  EXPECT_EQ(quotas.burst(), 4);
  EXPECT_EQ(quotas.open_calls, 5);
  EXPECT_EQ(quotas.bytes_per_second, kMinBytesPerSecond);
  EXPECT_EQ(quotas.compute_seconds_per_hour, 7);
}

TEST(QuotaListTest, WhatIsWrongIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "it is not JSON"},
      {"[]", "it is not an object"},
      {R"({"p": 5})", "'p' is not an object"},
      {R"({"p": {"bytes": 5}})", "'p' has an unknown key 'bytes'"},
      {R"({"p": {"open_calls": -1}})", "'p' has open_calls = -1, must be an integer >= 0"},
      {R"({"p": {"open_calls": 1.5}})", "open_calls = 1.5"},
      {R"({"p": {"open_calls": "5"}})", "open_calls = \"5\""},
      {R"({"p": {"open_calls": 9223372036854775808}})", "open_calls = 9223372036854775808"},
      {R"({"p": {"bytes_per_second": 65535}})", "must be 0 or at least 65536"},
      {R"({"p": {"open_calls": 1, "open_calls": 2}})", "the key 'open_calls' is given twice"},
      {R"({"p": {}, "p": {}})", "the key 'p' is given twice"},
      {R"({"": {}})", "is no project"}};
  for (const auto& [json, message] : cases) {
    const auto list = QuotaList::Parse(json, {});
    EXPECT_TRUE(absl::IsInvalidArgument(list.status())) << json;
    EXPECT_THAT(std::string(list.status().message()), HasSubstr(message));
    EXPECT_THAT(std::string(list.status().message()), HasSubstr("the quota file"));
  }
}

TEST(QuotaListTest, AsManyProjectsAsTheLimitAndNotOneMore) {
  std::string json = "{";
  for (int64_t i = 0; i < kMaxQuotaProjects; ++i)
    absl::StrAppend(&json, i > 0 ? "," : "", "\"", i, "\":{}");
  EXPECT_TRUE(QuotaList::Parse(absl::StrCat(json, "}"), {}).ok());
  const auto list = QuotaList::Parse(absl::StrCat(json, ",\"more\":{}}"), {});
  EXPECT_THAT(std::string(list.status().message()),
              HasSubstr("10001 entries, more than the limit of 10000"));
}

}  // namespace
}  // namespace gramian
