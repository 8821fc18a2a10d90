#include "gramian/store/blob_store.h"
#include "gtest/gtest.h"
#include "tests/store/sample_layers.h"

namespace gramian {
namespace {

TEST(MemoryBlobStoreTest, KeepsWhatWasPublishedUntilItIsRemoved) {
  const std::unique_ptr<BlobStore> blobs = NewMemoryBlobStore();
  const auto activations = Activations(1);
  const Digest digest = activations->digest();
  EXPECT_TRUE(absl::IsNotFound(blobs->Load(digest, activations->shape(), true).status()));
  const auto part = blobs->CreatePart(activations->shape()).value();
  RepresentationBuilder builder = part->NewBuilder({}).value();
  ASSERT_TRUE(builder.Append(0, 0, testing::BytesOf(*activations)).ok());
  ASSERT_TRUE(part->Sync().ok());
  const auto content = std::move(builder).Finish().value();
  ASSERT_TRUE(blobs->Publish(*part, content).ok());
  EXPECT_EQ(blobs->Load(digest, activations->shape(), true).value(), content);
  blobs->Remove(digest);
  blobs->Remove(digest);
  EXPECT_TRUE(absl::IsNotFound(blobs->Load(digest, activations->shape(), false).status()));
  EXPECT_EQ(blobs->FreeBytes().value(), -1);
}

TEST(MemoryBlobStoreTest, PartsHaveNamesOfTheirOwnAndEndWithTheProcess) {
  const std::unique_ptr<BlobStore> blobs = NewMemoryBlobStore();
  const RepresentationShape shape{2, 2, DType::kFloat32};
  const auto first = blobs->CreatePart(shape).value();
  EXPECT_NE(first->name(), blobs->CreatePart(shape).value()->name());
  EXPECT_TRUE(absl::IsNotFound(blobs->OpenPart(first->name(), shape).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(blobs->CreatePart({0, 1, DType::kFloat32}).status()));
}

}  // namespace
}  // namespace gramian
