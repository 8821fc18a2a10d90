#include "gramian/base/error_reason.h"

#include <gtest/gtest.h>

#include <optional>

namespace gramian {
namespace {

TEST(ErrorReasonTest, AStatusWithoutAReasonHasNone) {
  EXPECT_FALSE(GetReason(absl::NotFoundError("no")).has_value());
  EXPECT_FALSE(GetReason(absl::OkStatus()).has_value());
  EXPECT_FALSE(HasReason(absl::NotFoundError("no"), ""));
}

TEST(ErrorReasonTest, ReasonAndValuesComeBack) {
  const absl::Status status =
      WithReason(absl::AbortedError("text"), "SLOW", {{"limit", "7"}, {"empty", ""}});
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "text");
  const std::optional<ErrorReason> reason = GetReason(status);
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->reason, "SLOW");
  EXPECT_EQ(reason->metadata, (std::map<std::string, std::string>{{"empty", ""}, {"limit", "7"}}));
  EXPECT_TRUE(HasReason(status, "SLOW"));
  EXPECT_FALSE(HasReason(status, "SLO"));
}

TEST(ErrorReasonTest, ALaterReasonReplacesAnEarlierOne) {
  const absl::Status first = WithReason(absl::AbortedError("text"), "FIRST", {{"limit", "7"}});
  const std::optional<ErrorReason> reason = GetReason(WithReason(first, "SECOND"));
  ASSERT_TRUE(reason.has_value());
  EXPECT_EQ(reason->reason, "SECOND");
  EXPECT_TRUE(reason->metadata.empty());
}

TEST(ErrorReasonTest, WhatDoesNotFitSaysWhatWasAskedAndWhatTheLimitIs) {
  const absl::Status never = NeverFits("too much", 9, 8);
  EXPECT_EQ(never.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(HasReason(never, "NEVER_FITS"));
  EXPECT_EQ(GetReason(never)->metadata.at("value"), "9");
  EXPECT_EQ(GetReason(never)->metadata.at("limit"), "8");
  EXPECT_TRUE(HasReason(MemoryPressure("not now", 5, 8), "MEMORY_PRESSURE"));
  const absl::Status full = DiskFull("no space", 7, 6);
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(GetReason(full)->reason, "DISK_FULL");
  EXPECT_EQ(GetReason(full)->metadata.at("value"), "7");
  EXPECT_EQ(GetReason(full)->metadata.at("limit"), "6");
}

TEST(ErrorReasonTest, AnUnsharedCopyIsEqual) {
  const absl::Status error =
      WithLimit(absl::ResourceExhaustedError("too large for this"), "NEVER_FITS", 2, 1);
  EXPECT_EQ(Unshared(error), error);
  EXPECT_TRUE(HasReason(Unshared(error), "NEVER_FITS"));
  EXPECT_EQ(Unshared(absl::OkStatus()), absl::OkStatus());
}

}  // namespace
}  // namespace gramian
