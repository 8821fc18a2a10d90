#include "gramian/store/directory_blob_store.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/sample_layers.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DirectoryBlobStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<BlobPart> Fill(int seed) {
    auto part = blobs_->CreatePart(shape_).value();
    RepresentationBuilder builder = part->NewBuilder({}).value();
    EXPECT_TRUE(builder.Append(0, 0, testing::BytesOf(*Activations(seed))).ok());
    content_ = std::move(builder).Finish().value();
    EXPECT_TRUE(part->Sync().ok());
    return part;
  }
  void Publish(int seed) {
    const auto part = Fill(seed);
    ASSERT_TRUE(blobs_->Publish(*part, content_).ok());
  }
  std::string BlobPath(int seed) const {
    const std::string hex = Activations(seed)->digest().ToHex();
    return directory_.path() + "/blobs/" + hex.substr(0, 2) + "/" + hex + ".safetensors";
  }

  const testing::TemporaryDirectory directory_;
  const RepresentationShape shape_ = Activations(1)->shape();
  const std::unique_ptr<DirectoryBlobStore> blobs_ =
      DirectoryBlobStore::Open(&RealFileSystem(), directory_.path()).value();
  std::shared_ptr<const Representation> content_;
};

TEST_F(DirectoryBlobStoreTest, ABlobIsASafetensorsFileUnderItsDigest) {
  Publish(1);
  EXPECT_THAT(blobs_->ListParts().value(), IsEmpty());
  EXPECT_THAT(blobs_->ListBlobs().value(), ElementsAre(Activations(1)->digest()));
  std::ifstream file(BlobPath(1), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const int64_t header = SafetensorsHeaderSize(bytes).value();
  EXPECT_EQ(header % 64, 0);
  const auto decoded =
      DecodeSafetensorsHeader(absl::string_view(bytes).substr(0, static_cast<size_t>(header)));
  EXPECT_EQ(decoded->shape, shape_);
  EXPECT_EQ(bytes.substr(static_cast<size_t>(header)), testing::BytesOf(*Activations(1)));
}

TEST_F(DirectoryBlobStoreTest, LoadsWhatWasPublishedByMapping) {
  Publish(1);
  const auto loaded = blobs_->Load(Activations(1)->digest(), shape_, true);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  blobs_->Remove(Activations(1)->digest());
  EXPECT_FALSE(std::filesystem::exists(BlobPath(1)));
  EXPECT_EQ(testing::BytesOf(**loaded), testing::BytesOf(*Activations(1)));
  EXPECT_EQ(reinterpret_cast<uintptr_t>((*loaded)->data()) % 64, 0U);
  EXPECT_TRUE(absl::IsNotFound(blobs_->Load(Activations(1)->digest(), shape_, true).status()));
}

TEST_F(DirectoryBlobStoreTest, SeesDamageByHeaderSizeAndOnRequestByContent) {
  Publish(1);
  const Digest digest = Activations(1)->digest();
  EXPECT_TRUE(absl::IsDataLoss(blobs_->Load(digest, {5, 10, DType::kFloat32}, false).status()));
  EXPECT_TRUE(blobs_->Check(digest, shape_).ok());
  {
    std::fstream file(BlobPath(1), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1, std::ios::end);
    file.put('\x11');
  }
  EXPECT_TRUE(blobs_->Check(digest, shape_).ok());
  EXPECT_TRUE(blobs_->Load(digest, shape_, false).ok());
  const absl::Status content = blobs_->Load(digest, shape_, true).status();
  EXPECT_TRUE(absl::IsDataLoss(content)) << content;
  EXPECT_THAT(std::string(content.message()), HasSubstr(BlobPath(1)));
  std::filesystem::resize_file(BlobPath(1), 200);
  EXPECT_TRUE(absl::IsDataLoss(blobs_->Check(digest, shape_)));
  std::filesystem::resize_file(BlobPath(1), 4);
  EXPECT_TRUE(absl::IsDataLoss(blobs_->Check(digest, shape_)));
  const absl::StatusOr<std::string> place = blobs_->Quarantine(digest);
  ASSERT_TRUE(place.ok()) << place.status();
  EXPECT_TRUE(std::filesystem::exists(*place));
  EXPECT_TRUE(absl::IsNotFound(blobs_->Check(digest, shape_)));
}

TEST_F(DirectoryBlobStoreTest, APartGoesOnWithWhatItHolds) {
  std::string name;
  {
    const auto part = blobs_->CreatePart(shape_).value();
    name = part->name();
    RepresentationBuilder builder = part->NewBuilder({}).value();
    ASSERT_TRUE(builder.Append(2, 0, Rows(1, 2, 3)).ok());
    ASSERT_TRUE(part->Sync().ok());
  }
  EXPECT_THAT(blobs_->ListParts().value(), ElementsAre(name));
  EXPECT_TRUE(absl::IsDataLoss(blobs_->OpenPart(name, {5, 10, DType::kFloat32}).status()));
  const auto part = blobs_->OpenPart(name, shape_).value();
  const ByteRange range{2 * kRowBytes, 5 * kRowBytes};
  RepresentationBuilder builder = part->NewBuilder({range}).value();
  EXPECT_EQ(builder.complete_rows(), 3);
  ASSERT_TRUE(builder.Append(0, 0, Rows(1, 0, 2)).ok());
  ASSERT_TRUE(builder.Append(5, 0, Rows(1, 5, 5)).ok());
  const auto content = std::move(builder).Finish();
  ASSERT_TRUE(content.ok()) << content.status();
  EXPECT_EQ((*content)->digest(), Activations(1)->digest());
  blobs_->RemovePart(name);
  EXPECT_TRUE(absl::IsNotFound(blobs_->OpenPart(name, shape_).status()));
}

TEST_F(DirectoryBlobStoreTest, ABlobKnowsItsPartAndCanBecomeItAgain) {
  const auto part = Fill(1);
  ASSERT_TRUE(blobs_->Publish(*part, content_).ok());
  EXPECT_EQ(blobs_->PartOf(Activations(1)->digest()), part->name());
  EXPECT_EQ(blobs_->PartOf(Activations(2)->digest()), "");
  ASSERT_TRUE(blobs_->Unpublish(Activations(1)->digest(), part->name()).ok());
  EXPECT_THAT(blobs_->ListBlobs().value(), IsEmpty());
  EXPECT_TRUE(blobs_->OpenPart(part->name(), shape_).ok());
}

TEST_F(DirectoryBlobStoreTest, ListsOnlyFilesOfItsOwn) {
  Publish(1);
  const std::string directory = std::filesystem::path(BlobPath(1)).parent_path().string();
  std::ofstream(directory + "/notes.txt") << "mine";
  std::ofstream(directory + "/" + std::string(32, 'G') + ".safetensors") << "no digest";
  std::ofstream(directory_.path() + "/blobs/stray.safetensors") << "in the wrong place";
  std::ofstream(directory_.path() + "/uploads/notes.txt") << "mine";
  EXPECT_THAT(blobs_->ListBlobs().value(), ElementsAre(Activations(1)->digest()));
  EXPECT_THAT(blobs_->ListParts().value(), IsEmpty());
}

}  // namespace
}  // namespace gramian
