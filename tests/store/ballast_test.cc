#include "gramian/store/ballast.h"

#include <filesystem>
#include <memory>
#include <string>

#include "gramian/base/error_reason.h"
#include "gtest/gtest.h"
#include "tests/store/sample_layers.h"
#include "tests/testing/faulty_catalog.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

absl::Status NoSpace() { return DiskFull("no space left on device", 100, 60); }

class BallastTest : public ::testing::Test {
 protected:
  void Open() {
    catalog_ = WithBallast(std::make_unique<testing::FaultyCatalog>(NewNullCatalog(), &files_,
                                                                    [this] { return Failure(); }),
                           &files_, path_);
  }
  bool IsThere() const { return std::filesystem::exists(path_); }
  // The disk is full as long as the ballast is there, or of something else.
  absl::Status Failure() const {
    if (is_full_ && (IsThere() || is_full_without_)) return NoSpace();
    return failure_;
  }

  const testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/ballast";
  testing::FaultyFileSystem files_;
  bool is_full_ = false;
  bool is_full_without_ = false;
  absl::Status failure_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(BallastTest, TakesItsRoomOnceAndKeepsIt) {
  for (int round = 0; round < 2; ++round) {
    Open();
    ASSERT_TRUE(catalog_->RemoveSnapshots({Snapshot()}).ok());
    EXPECT_EQ(std::filesystem::file_size(path_), kBallastBytes);
  }
}

TEST_F(BallastTest, GoesForARemovalAndForNothingElse) {
  Open();
  is_full_ = true;
  EXPECT_TRUE(HasReason(catalog_->PutLayer(StoredLayer(), ""), "DISK_FULL"));
  EXPECT_TRUE(HasReason(catalog_->PutUpload(UploadRecord()), "DISK_FULL"));
  EXPECT_TRUE(HasReason(catalog_->AddProbeSet(ProbeSet()), "DISK_FULL"));
  EXPECT_TRUE(HasReason(catalog_->UpdateSnapshots({SnapshotRecord()}), "DISK_FULL"));
  EXPECT_TRUE(IsThere());
  EXPECT_TRUE(catalog_->RemoveSnapshots({Snapshot()}).ok());
  EXPECT_FALSE(IsThere());
}

TEST_F(BallastTest, AnotherErrorOfARemovalLeavesItAlone) {
  Open();
  failure_ = absl::UnavailableError("disk I/O error");
  EXPECT_EQ(catalog_->RemoveSnapshots({Snapshot()}), failure_);
  EXPECT_TRUE(IsThere());
}

TEST_F(BallastTest, ComesBackWhenThereIsRoom) {
  files_.FailOnce(testing::FileOperation::kCreate, NoSpace());
  Open();
  EXPECT_FALSE(IsThere());
  is_full_ = is_full_without_ = true;
  EXPECT_TRUE(HasReason(catalog_->RemoveSnapshots({Snapshot()}), "DISK_FULL")) << "none is there";
  is_full_ = is_full_without_ = false;
  files_.FailOnce(testing::FileOperation::kCreate, NoSpace());
  EXPECT_TRUE(catalog_->PutLayer(StoredLayer(), "").ok());
  EXPECT_FALSE(IsThere());
  EXPECT_TRUE(catalog_->UpdateSnapshots({SnapshotRecord()}).ok());
  EXPECT_TRUE(IsThere());
}

TEST_F(BallastTest, ARemovalThatFindsTheDiskFullWithoutItIsTriedOnceMore) {
  Open();
  is_full_ = is_full_without_ = true;
  EXPECT_TRUE(HasReason(catalog_->RemoveSnapshots({Snapshot()}), "DISK_FULL"));
  EXPECT_FALSE(IsThere());
  is_full_ = false;
  EXPECT_TRUE(catalog_->RemoveSnapshots({Snapshot()}).ok());
}

}  // namespace
}  // namespace gramian
