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

constexpr char kResource[] = "projects/p/networks/n/snapshots/0";

class AdmissionTest : public ::testing::Test {
 protected:
  // Calls taken one after the other at `now`, at most 100.
  static int Taken(Admission& admission, absl::Time now, const std::string& resource = kResource) {
    int taken = 0;
    while (taken < 100 && admission.AdmitCall(resource, now).ok()) ++taken;
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

TEST_F(AdmissionTest, AProjectHasOneBucketHoweverItIsWritten) {
  Admission admission({.calls_per_second = 2, .burst_calls = 3});
  EXPECT_TRUE(admission.AdmitCall("projects/abc", start_).ok());
  EXPECT_TRUE(admission.AdmitCall("projects/%61bc/networks/n", start_).ok());
  EXPECT_TRUE(admission.AdmitCall("projects/a%62%63", start_).ok());
  EXPECT_TRUE(HasReason(admission.AdmitCall("projects/%61%62%63", start_), "RATE_LIMITED"));
  EXPECT_TRUE(HasReason(admission.AdmitCall("projects/abc", start_), "RATE_LIMITED"));
  EXPECT_TRUE(admission.AdmitCall("projects/abd", start_).ok());
}

TEST_F(AdmissionTest, WhoIsRefusedIsToldWhyAndWhenToComeBack) {
  Admission admission({.calls_per_second = 2, .burst_calls = 1});
  EXPECT_EQ(Taken(admission, start_), 1);
  const absl::Status refused = admission.AdmitCall(kResource, start_ + absl::Milliseconds(100));
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
  EXPECT_EQ(Taken(admission, start_, "projects/a/networks/n"), 1);
  EXPECT_EQ(Taken(admission, start_, "projects/a"), 0);
  EXPECT_EQ(Taken(admission, start_, "projects/b"), 1);
  EXPECT_EQ(Taken(admission, start_, ""), 100);
  EXPECT_EQ(Taken(admission, start_, "rubbish"), 100);
}

TEST_F(AdmissionTest, AClockThatGoesBackGivesNothingAndTakesNothing) {
  Admission admission({.calls_per_second = 1, .burst_calls = 2});
  EXPECT_TRUE(admission.AdmitCall(kResource, start_).ok());
  EXPECT_EQ(Taken(admission, start_ - absl::Hours(1)), 1);
}

TEST_F(AdmissionTest, ManyProjectsDoNotStay) {
  Admission admission({.calls_per_second = 1, .burst_calls = 1});
  for (int i = 0; i < 30'000; ++i) {
    const absl::Time now = start_ + absl::Seconds(i / 1000);
    ASSERT_TRUE(admission.AdmitCall(absl::StrCat("projects/", i), now).ok());
  }
  // Who called a moment ago is still known.
  EXPECT_EQ(Taken(admission, start_ + absl::Seconds(29), "projects/29999"), 0);
}

// Goal: what is remembered of projects has a bound, also while none of them could call again.
TEST_F(AdmissionTest, WhoCalledBeforeThousandsOfOthersIsForgotten) {
  Admission admission({.calls_per_second = 1, .burst_calls = 1});
  EXPECT_EQ(Taken(admission, start_, "projects/first"), 1);
  for (int i = 0; i < 4'000; ++i)
    EXPECT_EQ(Taken(admission, start_, absl::StrCat("projects/", i)), 1);
  EXPECT_EQ(Taken(admission, start_, "projects/first"), 0) << "still known";
  for (int i = 4'000; i < 20'000; ++i)
    EXPECT_EQ(Taken(admission, start_, absl::StrCat("projects/", i)), 1);
  EXPECT_EQ(Taken(admission, start_, "projects/first"), 1);
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
