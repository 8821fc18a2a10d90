#include "server/upload_streams.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gramian {
namespace {

class FakeUpload final : public Upload {
 public:
  explicit FakeUpload(const std::string& id) {
    plan_.description.key = {{"p", "n", 0}, "layer"};
    plan_.upload_id = id;
  }

  const UploadPlan& plan() const override { return plan_; }
  absl::Status Append(int64_t, int64_t, absl::Span<const absl::string_view>) override {
    return absl::OkStatus();
  }
  absl::StatusOr<int64_t> Persist() override { return 0; }
  int64_t received_bytes() const override { return 0; }
  int64_t received_rows() const override { return 0; }
  int64_t persisted_bytes() const override { return 0; }
  std::vector<ByteRange> persisted() const override { return {}; }
  int64_t size_bytes() const override { return 1; }
  absl::Time touched() const override { return touched_at; }
  absl::StatusOr<StoredLayer> Commit(std::stop_token) override {
    return absl::AbortedError("fake");
  }

  absl::Time touched_at = absl::Now();

 private:
  UploadPlan plan_;
};

class FakeStream final : public UploadStream {
 public:
  void Interrupt(const absl::Status& status) override { interruptions.push_back(status); }

  std::vector<absl::Status> interruptions;
};

class UploadStreamsTest : public ::testing::Test {
 protected:
  bool IsKept() const { return upload_.use_count() > 1; }

  const absl::Duration idle_ = absl::Seconds(10);
  const absl::Time start_ = absl::Now();
  std::shared_ptr<FakeUpload> upload_ = std::make_shared<FakeUpload>("id");
  const UploadKey key_ = KeyOf(*upload_);
  FakeStream a_;
  FakeStream b_;
};

TEST_F(UploadStreamsTest, CountsTheStreamsOfEachUpload) {
  UploadStreams streams(idle_, start_);
  auto other = std::make_shared<FakeUpload>("other");
  streams.Join(upload_, &a_);
  streams.Join(upload_, &b_);
  streams.Join(other, &a_);
  EXPECT_EQ(streams.StreamCount(key_), 2);
  EXPECT_EQ(streams.StreamCount(KeyOf(*other)), 1);
  EXPECT_FALSE(streams.Leave(*upload_, &a_));
  EXPECT_FALSE(streams.Leave(*upload_, &a_));
  EXPECT_TRUE(streams.Leave(*upload_, &b_));
  EXPECT_FALSE(streams.Leave(*upload_, &b_));
  EXPECT_EQ(streams.StreamCount(key_), 0);
}

TEST_F(UploadStreamsTest, AnUploadIsKeptForAWhileAfterItsLastStream) {
  UploadStreams streams(idle_, start_);
  streams.Join(upload_, &a_);
  EXPECT_EQ(streams.ReleaseIdle(start_ + 3 * idle_), start_ + 2 * idle_);
  EXPECT_TRUE(IsKept());  // It has a stream.
  streams.Leave(*upload_, &a_);
  const absl::Time expires = streams.ExpireTime(*upload_, absl::Now());
  streams.ReleaseIdle(expires - absl::Nanoseconds(1));
  EXPECT_TRUE(IsKept());
  streams.ReleaseIdle(expires);
  EXPECT_FALSE(IsKept());
}

TEST_F(UploadStreamsTest, UploadsOfAnEarlierServerKeepTheirIdleTime) {
  const absl::Duration idle = absl::Minutes(10);
  const absl::Duration grace = absl::Minutes(1);
  UploadStreams streams(idle, start_);
  upload_->touched_at = start_ - absl::Minutes(2);
  EXPECT_EQ(streams.ExpireTime(*upload_, start_), start_ + absl::Minutes(8));
  // However long it was alone, its client has the time to come back.
  upload_->touched_at = start_ - absl::Hours(1);
  EXPECT_EQ(streams.ExpireTime(*upload_, start_), start_ + grace);
  EXPECT_EQ(streams.ReleaseIdle(start_ + grace - absl::Nanoseconds(1)), absl::InfinitePast());
  EXPECT_EQ(streams.ReleaseIdle(start_ + grace), start_ + grace - idle);
}

TEST_F(UploadStreamsTest, NoUploadIsKeptLongerThanItMayBeIdle) {
  UploadStreams streams(idle_, start_);
  upload_->touched_at = start_ - absl::Hours(1);
  EXPECT_EQ(streams.ExpireTime(*upload_, start_), start_ + idle_);
}

TEST_F(UploadStreamsTest, WhatIsForgottenIsNotKeptAndMayComeAgain) {
  UploadStreams streams(idle_, start_);
  streams.Join(upload_, &a_);
  streams.Forget(key_);
  EXPECT_FALSE(IsKept());
  EXPECT_EQ(streams.StreamCount(key_), 1);
  auto next = std::make_shared<FakeUpload>("id");
  streams.Join(next, &b_);
  EXPECT_EQ(next.use_count(), 2);
  EXPECT_FALSE(streams.Leave(*upload_, &a_));
  EXPECT_TRUE(streams.Leave(*next, &b_));
}

TEST_F(UploadStreamsTest, InterruptsEveryStreamButTheOneThatAsks) {
  UploadStreams streams(idle_, start_);
  streams.Join(upload_, &a_);
  streams.Join(upload_, &b_);
  streams.Interrupt(key_, absl::AbortedError("gone"), &a_);
  EXPECT_TRUE(a_.interruptions.empty());
  EXPECT_EQ(b_.interruptions, std::vector<absl::Status>{absl::AbortedError("gone")});
  streams.Interrupt(key_, absl::AbortedError("gone"));
  EXPECT_EQ(a_.interruptions.size(), 1u);
  streams.Leave(*upload_, &a_);
  streams.Interrupt({key_.layer, "other"}, absl::AbortedError("gone"));
  EXPECT_EQ(a_.interruptions.size(), 1u);
}

}  // namespace
}  // namespace gramian
