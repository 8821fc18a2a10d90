#include "gramian/store/recovery.h"

#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gramian/store/sqlite_catalog.h"
#include "gtest/gtest.h"
#include "tests/store/sample_layers.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RecoveryTest : public ::testing::Test {
 protected:
  // A part that holds Activations(seed).
  std::unique_ptr<BlobPart> Fill(int seed) {
    auto part = blobs_->CreatePart(Activations(seed)->shape()).value();
    RepresentationBuilder builder = part->NewBuilder({}).value();
    EXPECT_TRUE(builder.Append(0, 0, testing::BytesOf(*Activations(seed))).ok());
    EXPECT_TRUE(part->Sync().ok());
    return part;
  }
  std::string Publish(int seed) {
    const auto part = Fill(seed);
    EXPECT_TRUE(blobs_->Publish(*part, Activations(seed)).ok());
    return part->name();
  }
  void PutLayer(int seed) {
    StoredLayer layer;
    layer.description = Description(Snapshot(seed), "fc1");
    layer.shape = Activations(seed)->shape();
    layer.digest = Activations(seed)->digest();
    ASSERT_TRUE(catalog_->PutLayer(layer, "").ok());
  }
  void PutUpload(const std::string& part, int seed) {
    ASSERT_TRUE(
        catalog_->PutUpload({part, Plan(Description(Snapshot(seed), "fc1"), seed), {{0, 8}}}).ok());
  }
  absl::StatusOr<Recovered> Run() {
    return Recover(
        *blobs_, *catalog_,
        [this](const absl::Status& status) { damage_.emplace_back(status.message()); },
        [this](const std::string& what) { removed_.push_back(what); });
  }

  const testing::TemporaryDirectory directory_;
  testing::FaultyFileSystem files_;
  const std::unique_ptr<DirectoryBlobStore> blobs_ =
      DirectoryBlobStore::Open(&files_, directory_.path()).value();
  const std::unique_ptr<Catalog> catalog_ =
      OpenSqliteCatalog(directory_.path() + "/gramian.db").value();
  std::vector<std::string> damage_;
  std::vector<std::string> removed_;
};

TEST_F(RecoveryTest, WhatAgreesIsLeftAlone) {
  Publish(1);
  PutLayer(1);
  const auto part = Fill(2);
  PutUpload(part->name(), 2);
  const absl::StatusOr<Recovered> recovered = Run();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_THAT(recovered->lost, IsEmpty());
  EXPECT_THAT(recovered->contents.layers, SizeIs(1));
  EXPECT_THAT(recovered->contents.uploads, SizeIs(1));
  EXPECT_THAT(blobs_->ListBlobs().value(), ElementsAre(Activations(1)->digest()));
  EXPECT_THAT(blobs_->ListParts().value(), ElementsAre(part->name()));
  EXPECT_THAT(damage_, IsEmpty());
  EXPECT_THAT(removed_, IsEmpty());
}

TEST_F(RecoveryTest, WhatNobodyNamesIsRemoved) {
  Publish(1);
  const auto part = Fill(2);
  PutUpload("gone", 3);
  const absl::StatusOr<Recovered> recovered = Run();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_THAT(blobs_->ListBlobs().value(), IsEmpty());
  EXPECT_THAT(blobs_->ListParts().value(), IsEmpty());
  EXPECT_THAT(recovered->contents.uploads, IsEmpty());
  EXPECT_THAT(catalog_->Read()->uploads, IsEmpty());
  EXPECT_THAT(damage_, IsEmpty());
  EXPECT_THAT(removed_,
              ElementsAre("content " + Activations(1)->digest().ToHex(), "part " + part->name()));
}

TEST_F(RecoveryTest, ABlobOfAnUploadThatWasNotCommittedIsItsPartAgain) {
  const std::string part = Publish(1);
  PutUpload(part, 1);
  const absl::StatusOr<Recovered> recovered = Run();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_THAT(recovered->contents.uploads, SizeIs(1));
  EXPECT_THAT(blobs_->ListParts().value(), ElementsAre(part));
  EXPECT_THAT(blobs_->ListBlobs().value(), IsEmpty());
}

TEST_F(RecoveryTest, ABlobThatLayersNameIsCopiedForTheUploadThatWroteIt) {
  const std::string part = Publish(1);
  PutUpload(part, 1);
  PutLayer(1);
  for (int64_t steps = 0; steps < 5; ++steps) {
    files_.StopAfter(steps);
    (void)Run();
    files_.StopAfter(1000);
  }
  const absl::StatusOr<Recovered> recovered = Run();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_THAT(recovered->lost, IsEmpty());
  EXPECT_THAT(recovered->contents.uploads, SizeIs(1));
  EXPECT_THAT(blobs_->ListBlobs().value(), ElementsAre(Activations(1)->digest()));
  EXPECT_THAT(blobs_->ListParts().value(), ElementsAre(part));
  const auto again = blobs_->OpenPart(part, Activations(1)->shape()).value();
  RepresentationBuilder builder = again->NewBuilder({ByteRange{0, kLayerBytes}}).value();
  EXPECT_EQ(std::move(builder).Finish().value()->digest(), Activations(1)->digest());
}

TEST_F(RecoveryTest, LostContentIsNamedAndTheDamagedPutAside) {
  for (int seed = 1; seed <= 3; ++seed) PutLayer(seed);
  Publish(2);
  Publish(3);
  const std::string hex = Activations(3)->digest().ToHex();
  std::filesystem::resize_file(
      directory_.path() + "/blobs/" + hex.substr(0, 2) + "/" + hex + ".safetensors", 100);
  const absl::StatusOr<Recovered> recovered = Run();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_EQ(recovered->lost,
            (std::set<Digest>{Activations(1)->digest(), Activations(3)->digest()}));
  EXPECT_THAT(damage_, SizeIs(2));
  EXPECT_THAT(damage_, ::testing::Contains(::testing::AllOf(HasSubstr(hex), HasSubstr("moved"))));
  EXPECT_THAT(recovered->contents.layers, SizeIs(3));
}

TEST_F(RecoveryTest, WhatCannotBeReadNowIsAnErrorAndTouchesNothing) {
  Publish(1);
  PutLayer(1);
  files_.FailOnce(testing::FileOperation::kOpen, absl::UnavailableError("too many open files"));
  EXPECT_TRUE(absl::IsUnavailable(Run().status()));
  files_.FailOnce(testing::FileOperation::kList, absl::UnavailableError("too many open files"));
  EXPECT_TRUE(absl::IsUnavailable(Run().status()));
  EXPECT_THAT(damage_, IsEmpty());
  EXPECT_THAT(Run()->lost, IsEmpty());
}

TEST_F(RecoveryTest, CanBeStoppedAnywhereAndRunAgain) {
  PutLayer(1);
  Publish(1);
  Publish(2);
  const std::string published = Publish(3);
  PutUpload(published, 3);
  const auto part = Fill(4);
  PutUpload(part->name(), 4);
  for (int64_t steps = 0; steps < 6; ++steps) {
    files_.StopAfter(steps);
    (void)Run();
    files_.StopAfter(1000);
  }
  const absl::StatusOr<Recovered> recovered = Run();
  ASSERT_TRUE(recovered.ok()) << recovered.status();
  EXPECT_THAT(recovered->lost, IsEmpty());
  EXPECT_THAT(recovered->contents.uploads, SizeIs(2));
  EXPECT_THAT(blobs_->ListBlobs().value(), ElementsAre(Activations(1)->digest()));
  EXPECT_THAT(blobs_->ListParts().value(),
              ::testing::UnorderedElementsAre(published, part->name()));
}

}  // namespace
}  // namespace gramian
