#include "gramian/store/upload_session.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gramian/base/error_reason.h"
#include "gtest/gtest.h"
#include "tests/engine/threads.h"
#include "tests/store/sample_layers.h"

namespace gramian {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Notes what a session asks of its store.
class FakeHost final : public UploadHost {
 public:
  absl::Status SaveUpload(const UploadRecord& record) override {
    if (!save_status.ok()) return save_status;
    saved.push_back(record.persisted);
    return absl::OkStatus();
  }
  absl::StatusOr<ReducedContent> Reduce(const Representation&, const std::stop_token&) override {
    return absl::InternalError("activations are not reduced");
  }
  absl::StatusOr<StoredLayer> Publish(const UploadSession& session,
                                      const std::shared_ptr<const Representation>& content,
                                      const ReducedContent* /*reduced*/) override {
    if (!publish_status.ok()) return publish_status;
    ++published;
    StoredLayer layer;
    layer.description = session.plan().description;
    layer.digest = content->digest();
    return layer;
  }
  absl::StatusOr<RepresentationBuilder> Reopen(const UploadSession& session) override {
    if (part_is_gone) return absl::NotFoundError("no part");
    RepresentationBuilder builder = RepresentationBuilder::Create(session.plan().shape).value();
    EXPECT_TRUE(builder.Append(0, 0, Rows(1, 0, kRows)).ok());
    return builder;
  }
  void Drop(const UploadSession&) override { ++dropped; }

  absl::Status save_status;
  absl::Status publish_status;
  bool part_is_gone = false;
  std::vector<std::vector<ByteRange>> saved;
  int published = 0;
  int dropped = 0;
};

class UploadSessionTest : public ::testing::Test {
 protected:
  std::unique_ptr<UploadSession> NewSession() {
    auto part = blobs_->CreatePart(Activations(1)->shape()).value();
    RepresentationBuilder builder = part->NewBuilder({}).value();
    return std::make_unique<UploadSession>(&host_, Plan(Description(Snapshot(), "fc1"), 1),
                                           kLayerBytes, std::move(part), std::move(builder),
                                           std::vector<ByteRange>());
  }

  FakeHost host_;
  const std::unique_ptr<BlobStore> blobs_ = NewMemoryBlobStore();
  const std::unique_ptr<UploadSession> session_ = NewSession();
};

TEST_F(UploadSessionTest, PersistsWhatIsNewAndOnlyThat) {
  EXPECT_EQ(session_->Persist().value(), 0);
  EXPECT_THAT(host_.saved, IsEmpty());
  ASSERT_TRUE(AppendRows(*session_, 1, 3, 2).ok());
  EXPECT_EQ(session_->persisted_bytes(), 0);
  EXPECT_EQ(session_->Persist().value(), 2 * kRowBytes);
  EXPECT_EQ(session_->Persist().value(), 2 * kRowBytes);
  EXPECT_THAT(host_.saved, ElementsAre(ElementsAre(ByteRange{3 * kRowBytes, 5 * kRowBytes})));
}

TEST_F(UploadSessionTest, WhatCannotBeNotedIsNotPersistedAndIsTriedAgain) {
  ASSERT_TRUE(AppendRows(*session_, 1, 0, 2).ok());
  host_.save_status = absl::ResourceExhaustedError("full");
  EXPECT_TRUE(absl::IsResourceExhausted(session_->Persist().status()));
  EXPECT_THAT(session_->persisted(), IsEmpty());
  host_.save_status = absl::OkStatus();
  EXPECT_EQ(session_->Persist().value(), 2 * kRowBytes);
  EXPECT_EQ(host_.dropped, 0);
}

TEST_F(UploadSessionTest, OneOfManyCommitsAndAllGetItsResult) {
  ASSERT_TRUE(AppendRows(*session_, 1, 0, kRows).ok());
  RunInThreads(8, [&](int) {
    const absl::StatusOr<StoredLayer> layer = session_->Commit();
    ASSERT_TRUE(layer.ok()) << layer.status();
    EXPECT_EQ(layer->digest, Activations(1)->digest());
  });
  EXPECT_EQ(host_.published, 1);
  EXPECT_EQ(host_.dropped, 0);
  EXPECT_FALSE(session_->Abort());
}

TEST_F(UploadSessionTest, ACommitThatTheDiskRefusesMayBeRepeated) {
  ASSERT_TRUE(AppendRows(*session_, 1, 0, kRows).ok());
  for (const absl::Status& passing :
       {absl::UnavailableError("cannot rename"), absl::ResourceExhaustedError("disk full"),
        absl::DataLossError("input/output error"), absl::PermissionDeniedError("read-only")}) {
    host_.publish_status = passing;
    EXPECT_EQ(session_->Commit().status(), passing);
    EXPECT_EQ(session_->received_bytes(), kLayerBytes);
    EXPECT_TRUE(AppendRows(*session_, 1, 0, 1).ok()) << "it is open";
  }
  EXPECT_EQ(host_.dropped, 0);
  host_.publish_status = absl::OkStatus();
  EXPECT_EQ(session_->Commit().value().digest, Activations(1)->digest());
}

TEST_F(UploadSessionTest, ALayerThatIsRefusedOrHasLostItsPartIsDropped) {
  const std::vector<absl::Status> refusals = {absl::AlreadyExistsError("other content"),
                                              absl::FailedPreconditionError("other inputs"),
                                              NeverFits("too many layers", 2, 1)};
  for (size_t i = 0; i <= refusals.size(); ++i) {
    host_.part_is_gone = i == refusals.size();
    host_.publish_status = host_.part_is_gone ? absl::UnavailableError("") : refusals[i];
    const std::unique_ptr<UploadSession> session = NewSession();
    ASSERT_TRUE(AppendRows(*session, 1, 0, kRows).ok());
    EXPECT_EQ(session->Commit().status(), host_.publish_status);
    EXPECT_EQ(host_.dropped, static_cast<int>(i) + 1);
    EXPECT_EQ(session->Commit().status(), host_.publish_status);
    EXPECT_TRUE(absl::IsAborted(AppendRows(*session, 1, 0, 1)));
  }
}

TEST_F(UploadSessionTest, AnAbortedUploadIsDroppedOnceAndAnswersAborted) {
  EXPECT_TRUE(session_->Abort());
  EXPECT_FALSE(session_->Abort());
  EXPECT_EQ(host_.dropped, 1);
  EXPECT_TRUE(absl::IsAborted(AppendRows(*session_, 1, 0, 1)));
  EXPECT_TRUE(absl::IsAborted(session_->Persist().status()));
  EXPECT_TRUE(absl::IsAborted(session_->Commit().status()));
}

TEST_F(UploadSessionTest, AppendingPersistingAndAbortingMayMeet) {
  RunInThreads(6, [&](int i) {
    for (int64_t row = 0; row < kRows; ++row) {
      if (i < 4) {
        const absl::Status status = AppendRows(*session_, 1, row, 1);
        EXPECT_TRUE(status.ok() || absl::IsAborted(status)) << status;
      } else if (i == 4) {
        const absl::Status status = session_->Persist().status();
        EXPECT_TRUE(status.ok() || absl::IsAborted(status)) << status;
      } else if (row == kRows / 2) {
        EXPECT_TRUE(session_->Abort());
      }
    }
  });
  EXPECT_EQ(host_.dropped, 1);
  EXPECT_TRUE(absl::IsAborted(session_->Commit().status()));
}

TEST_F(UploadSessionTest, RemembersWhenItWasLastTouched) {
  const absl::Time begun = session_->touched();
  ASSERT_TRUE(AppendRows(*session_, 1, 0, 1).ok());
  EXPECT_GE(session_->touched(), begun);
}

}  // namespace
}  // namespace gramian
