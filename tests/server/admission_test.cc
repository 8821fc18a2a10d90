#include "server/admission.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gramian/base/error_reason.h"
#include "server/status_details.h"

namespace gramian {
namespace {

constexpr char kProject[] = "p";

class AdmissionTest : public ::testing::Test {
 protected:
  // Calls taken one after the other at `now`, at most 100.
  static int Taken(Admission& admission, absl::Time now, const std::string& project = kProject) {
    int taken = 0;
    while (taken < 100 && admission.BeginCall(project, false, now).ok()) ++taken;
    return taken;
  }

  static UploadPlan Plan(int64_t rows, const std::string& layer,
                         const std::string& upload_id = "") {
    UploadPlan plan;
    plan.description.key = {{"p", "n", 0}, layer};
    plan.description.probe_set = absl::StrCat("probe", rows);
    plan.shape.rows = rows;
    plan.shape.cols = 1;
    plan.upload_id = upload_id;
    return plan;
  }

  const absl::Time start_ = absl::FromUnixSeconds(1'000'000);
};

TEST_F(AdmissionTest, WithoutAQuotaEveryCallIsTaken) {
  Admission admission({});
  EXPECT_EQ(Taken(admission, start_), 100);
}

TEST_F(AdmissionTest, ABurstIsTakenAndThenTheRate) {
  Admission admission({.calls_per_second = 2, .burst_calls = 5});
  EXPECT_EQ(Taken(admission, start_), 5);
  EXPECT_EQ(Taken(admission, start_ + absl::Milliseconds(499)), 0);
  EXPECT_EQ(Taken(admission, start_ + absl::Milliseconds(500)), 1);
  EXPECT_EQ(Taken(admission, start_ + absl::Milliseconds(2000)), 3);
  EXPECT_EQ(Taken(admission, start_ + absl::Hours(1)), 5);
}

TEST_F(AdmissionTest, WhoIsRefusedIsToldWhyAndWhenToComeBack) {
  Admission admission({.calls_per_second = 2, .burst_calls = 1});
  EXPECT_EQ(Taken(admission, start_), 1);
  const absl::Status refused =
      admission.BeginCall(kProject, false, start_ + absl::Milliseconds(100));
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_TRUE(HasReason(refused, "RATE_LIMITED"));
  EXPECT_EQ(GetReason(refused)->metadata.at("value"), "2");
  EXPECT_EQ(GetReason(refused)->metadata.at("limit"), "1");
  EXPECT_EQ(GetReason(refused)->metadata.at("per_second"), "2");
  // 0.4 s are left of the half second a call takes to come back.
  EXPECT_EQ(Taken(admission, start_ + absl::Milliseconds(501)), 1);
}

TEST_F(AdmissionTest, ProjectsDoNotShareTheirQuotas) {
  Admission admission({.calls_per_second = 1, .burst_calls = 1});
  EXPECT_EQ(Taken(admission, start_, "a"), 1);
  EXPECT_EQ(Taken(admission, start_, "a"), 0);
  EXPECT_EQ(Taken(admission, start_, "b"), 1);
  EXPECT_EQ(Taken(admission, start_, ""), 100);
}

TEST_F(AdmissionTest, AClockThatGoesBackGivesNothingAndTakesNothing) {
  Admission admission({.calls_per_second = 1, .burst_calls = 2});
  EXPECT_TRUE(admission.BeginCall(kProject, false, start_).ok());
  EXPECT_EQ(Taken(admission, start_ - absl::Hours(1)), 1);
}

TEST_F(AdmissionTest, ManyProjectsDoNotStay) {
  Admission admission({.calls_per_second = 1, .burst_calls = 1});
  for (int i = 0; i < 30'000; ++i) {
    const absl::Time now = start_ + absl::Seconds(i / 1000);
    ASSERT_TRUE(admission.BeginCall(absl::StrCat(i), false, now).ok());
  }
  // Who called a moment ago is still known.
  EXPECT_EQ(Taken(admission, start_ + absl::Seconds(29), "29999"), 0);
}

// Goal: what is remembered of projects has a bound, also while none of them could call again.
TEST_F(AdmissionTest, WhoCalledBeforeThousandsOfOthersIsForgotten) {
  Admission admission({.calls_per_second = 1, .burst_calls = 1});
  EXPECT_EQ(Taken(admission, start_, "first"), 1);
  for (int i = 0; i < 4'000; ++i) EXPECT_EQ(Taken(admission, start_, absl::StrCat(i)), 1);
  EXPECT_EQ(Taken(admission, start_, "first"), 0) << "still known";
  for (int i = 4'000; i < 20'000; ++i) EXPECT_EQ(Taken(admission, start_, absl::StrCat(i)), 1);
  EXPECT_EQ(Taken(admission, start_, "first"), 1);
}

TEST_F(AdmissionTest, OpenCallsAreCountedUntilTheyEnd) {
  Admission admission({.open_calls = 2});
  EXPECT_EQ(Taken(admission, start_), 2);
  EXPECT_EQ(Taken(admission, start_, "q"), 2);
  const absl::Status refused = admission.BeginCall(kProject, false, start_ + absl::Hours(1));
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_TRUE(HasReason(refused, "TOO_MANY_CALLS"));
  EXPECT_EQ(GetReason(refused)->metadata.at("value"), "3");
  EXPECT_EQ(GetReason(refused)->metadata.at("limit"), "2");
  EXPECT_EQ(admission.UseOf(kProject, start_).open_calls, 2);
  admission.EndCall(kProject);
  EXPECT_EQ(Taken(admission, start_), 1);
}

TEST_F(AdmissionTest, ComputingTimeComesBackWithinTheHour) {
  Admission admission({.compute_seconds_per_hour = 60});
  admission.AddCompute(kProject, 59.5, start_);
  EXPECT_TRUE(admission.BeginCall(kProject, true, start_).ok());
  // A call that was admitted may go on beyond.
  admission.AddCompute(kProject, 30.5, start_);
  const absl::Status refused = admission.BeginCall(kProject, true, start_);
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_TRUE(HasReason(refused, "COMPUTE_QUOTA"));
  EXPECT_EQ(GetReason(refused)->metadata.at("limit"), "60");
  EXPECT_TRUE(admission.BeginCall(kProject, false, start_).ok()) << "who does not compute";
  EXPECT_TRUE(admission.BeginCall("q", true, start_).ok());
  // A second in a minute comes back: 30 too many need half an hour.
  EXPECT_FALSE(admission.BeginCall(kProject, true, start_ + absl::Minutes(30)).ok());
  EXPECT_TRUE(admission.BeginCall(kProject, true, start_ + absl::Minutes(31)).ok());
  EXPECT_NEAR(admission.UseOf(kProject, start_ + absl::Minutes(31)).compute_seconds, 59.0, 1e-9);
  EXPECT_EQ(admission.UseOf(kProject, start_ + absl::Hours(2)).compute_seconds, 0.0);
}

TEST_F(AdmissionTest, WhoSendsTooFastIsReadMoreSlowly) {
  Admission admission({.bytes_per_second = 1 << 20});
  EXPECT_EQ(admission.AddBytes(kProject, 1 << 20, start_), absl::ZeroDuration());
  EXPECT_EQ(admission.AddBytes(kProject, 1 << 19, start_), absl::Milliseconds(500));
  EXPECT_EQ(admission.AddBytes("q", 1 << 20, start_), absl::ZeroDuration());
  EXPECT_EQ(admission.AddBytes(kProject, 1 << 19, start_ + absl::Milliseconds(500)),
            absl::Milliseconds(500));
  EXPECT_EQ(Admission({}).AddBytes(kProject, int64_t{1} << 40, start_), absl::ZeroDuration());
}

TEST_F(AdmissionTest, UploadsAreOpenUpToTheQuota) {
  auto store = ActivationStore::Open({});
  ASSERT_TRUE(store.ok()) << store.status();
  Admission admission({.open_uploads = 1});
  auto first = admission.OpenUpload(**store, Plan(6, "a", "id"));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(admission.OpenUpload(**store, Plan(6, "a", "id")).ok()) << "the same one";
  const auto refused = admission.OpenUpload(**store, Plan(6, "b", "id"));
  EXPECT_TRUE(HasReason(refused.status(), "TOO_MANY_UPLOADS")) << refused.status();
  EXPECT_EQ(GetReason(refused.status())->metadata.at("limit"), "1");
  ASSERT_TRUE((*store)->AbortUpload({{"p", "n", 0}, "a"}, "id").ok());
  EXPECT_TRUE(admission.OpenUpload(**store, Plan(6, "b", "id")).ok());
}

TEST_F(AdmissionTest, BytesAreTakenUpToTheQuotaAndNotOneMore) {
  auto store = ActivationStore::Open({});
  ASSERT_TRUE(store.ok()) << store.status();
  Admission admission({.stored_bytes = 4 * 10});
  const auto first = admission.OpenUpload(**store, Plan(6, "a"));
  ASSERT_TRUE(first.ok()) << first.status();
  const auto refused = admission.OpenUpload(**store, Plan(5, "b"));
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status()));
  EXPECT_TRUE(HasReason(refused.status(), "TENANT_QUOTA")) << refused.status();
  EXPECT_EQ(GetReason(refused.status())->metadata.at("limit"), "40");
  EXPECT_EQ(GetReason(refused.status())->metadata.at("value"), "44");
  EXPECT_TRUE(admission.OpenUpload(**store, Plan(4, "b")).ok());
}

TEST_F(AdmissionTest, AnUploadIsCountedOnceHoweverManyStreamsFillIt) {
  auto store = ActivationStore::Open({});
  ASSERT_TRUE(store.ok()) << store.status();
  Admission admission({.stored_bytes = 40});
  const auto first = admission.OpenUpload(**store, Plan(10, "a", "id"));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(admission.OpenUpload(**store, Plan(10, "a", "id")).ok());
}

TEST_F(AdmissionTest, AnotherProjectHasAQuotaOfItsOwn) {
  auto store = ActivationStore::Open({});
  ASSERT_TRUE(store.ok()) << store.status();
  Admission admission({.stored_bytes = 40});
  ASSERT_TRUE(admission.OpenUpload(**store, Plan(10, "a")).ok());
  UploadPlan other = Plan(10, "a");
  other.description.key.snapshot.project = "q";
  EXPECT_TRUE(admission.OpenUpload(**store, other).ok());
}

}  // namespace
}  // namespace gramian
