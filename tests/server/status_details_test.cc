#include "server/status_details.h"

#include <gmock/gmock.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <string>

#include "gramian/v1/errors.pb.h"

namespace gramian {
namespace {

v1::ErrorStatus Details(const grpc::Status& status) {
  v1::ErrorStatus details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

v1::ErrorReason Reason(const grpc::Status& status) {
  v1::ErrorReason reason;
  const v1::ErrorStatus details = Details(status);
  EXPECT_GE(details.details_size(), 1);
  EXPECT_EQ(details.details(0).type_url(), "type.googleapis.com/google.rpc.ErrorInfo");
  EXPECT_TRUE(reason.ParseFromString(details.details(0).value()));
  return reason;
}

TEST(StatusDetailsTest, OkStaysOk) { EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok()); }

TEST(StatusDetailsTest, CodesAreTheSameNumbers) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status =
        ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "text"));
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_EQ(status.error_message(), "text");
    EXPECT_EQ(Details(status).code(), code);
    EXPECT_EQ(Reason(status).domain(), "gramian");
  }
}

TEST(StatusDetailsTest, ReasonAndMetadataTravel) {
  const absl::Status status =
      WithReason(absl::ResourceExhaustedError("full"), "LIMIT", {{"limit", "7"}});
  EXPECT_EQ(ReasonOf(status), "LIMIT");
  const v1::ErrorReason reason = Reason(ToGrpcStatus(status));
  EXPECT_EQ(reason.reason(), "LIMIT");
  EXPECT_EQ(reason.metadata().at("limit"), "7");
}

TEST(StatusDetailsTest, AStatusWithoutAReasonHasThatOfItsCode) {
  EXPECT_EQ(ReasonOf(absl::FailedPreconditionError("a has 3 rows, b 4")), "INPUTS_DIFFER");
  EXPECT_EQ(ReasonOf(absl::ResourceExhaustedError("too many")), "LIMIT_EXCEEDED");
  EXPECT_EQ(ReasonOf(absl::AlreadyExistsError("there")), "DESCRIPTION_DIFFERS");
  EXPECT_EQ(ReasonOf(absl::NotFoundError("no")), "NOT_FOUND");
}

TEST(StatusDetailsTest, OnlyWhatMaySucceedLaterSaysWhenToRetry) {
  EXPECT_EQ(Details(ToGrpcStatus(TryAgain("busy", "QUEUE_FULL"))).details_size(), 2);
  EXPECT_EQ(Details(ToGrpcStatus(MemoryPressure("later", 1, 2))).details_size(), 2);
  EXPECT_EQ(Details(ToGrpcStatus(NeverFits("no", 2, 1))).details_size(), 1);
  EXPECT_EQ(Details(ToGrpcStatus(absl::NotFoundError("no"))).details_size(), 1);
}

TEST(StatusDetailsTest, WhatThereIsTooMuchOfSaysTheLimit) {
  const grpc::Status status = ToGrpcStatus(TooMany("all 3 are open", "TOO_MANY_UPLOADS", 3));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Reason(status).reason(), "TOO_MANY_UPLOADS");
  EXPECT_EQ(Reason(status).metadata().at("value"), "4");
  EXPECT_EQ(Reason(status).metadata().at("limit"), "3");
  EXPECT_EQ(Details(status).details_size(), 2);
}

TEST(StatusDetailsTest, AGivenDelayTravels) {
  const absl::Status limited =
      WithReason(absl::ResourceExhaustedError("too fast"), "RATE_LIMITED", {{"limit", "5"}});
  const v1::ErrorStatus details =
      Details(ToGrpcStatus(RetryAfter(limited, absl::Milliseconds(2250))));
  ASSERT_EQ(details.details_size(), 2);
  EXPECT_EQ(details.details(1).type_url(), "type.googleapis.com/google.rpc.RetryInfo");
  v1::RetryDelay retry;
  ASSERT_TRUE(retry.ParseFromString(details.details(1).value()));
  EXPECT_EQ(retry.retry_delay().seconds(), 2);
  EXPECT_EQ(retry.retry_delay().nanos(), 250'000'000);
}

TEST(StatusDetailsTest, LongMessagesAreCutBetweenCharacters) {
  std::string message(1023, 'x');
  message += "\xC3\xA9";
  EXPECT_EQ(ToGrpcStatus(absl::InternalError(message)).error_message(), std::string(1023, 'x'));
  const std::string fits(1024, 'y');
  EXPECT_EQ(ToGrpcStatus(absl::InternalError(fits)).error_message(), fits);
}

}  // namespace
}  // namespace gramian
