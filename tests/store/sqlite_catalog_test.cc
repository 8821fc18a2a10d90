#include "gramian/store/sqlite_catalog.h"

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/sample_layers.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SqliteCatalogTest : public ::testing::Test {
 protected:
  SqliteCatalogTest() { Reopen(); }
  void Reopen() {
    catalog_.reset();
    catalog_ = OpenSqliteCatalog(directory_.path() + "/gramian.db").value();
  }
  CatalogContents Read() { return catalog_->Read().value(); }
  static StoredLayer Layer(const SnapshotKey& snapshot, const std::string& name, int seed) {
    StoredLayer layer;
    layer.description = Description(snapshot, name, 4);
    layer.shape = Activations(seed)->shape();
    layer.size_bytes = kLayerBytes;
    layer.digest = Activations(seed)->digest();
    layer.create_time = absl::FromUnixNanos(1234567890123456789 + seed);
    return layer;
  }

  const testing::TemporaryDirectory directory_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(SqliteCatalogTest, IsEmptyWhenNew) {
  const CatalogContents contents = Read();
  EXPECT_THAT(contents.layers, IsEmpty());
  EXPECT_THAT(contents.snapshots, IsEmpty());
  EXPECT_THAT(contents.uploads, IsEmpty());
  EXPECT_THAT(contents.probe_sets, IsEmpty());
}

TEST_F(SqliteCatalogTest, KeepsEveryFieldOfALayer) {
  StoredLayer layer = Layer(Snapshot(7, "n\xC3\xA4t", "p'q\""), "a/b;c", 1);
  layer.shape.dtype = DType::kFloat16;
  layer.shape.layout = {RowKind::kJacobian, 5};
  layer.size_bytes = kLayerBytes / 2;
  layer.reduced_from = Activations(3)->digest();
  ASSERT_TRUE(catalog_->PutLayer(layer, "").ok());
  Reopen();
  const CatalogContents contents = Read();
  ASSERT_THAT(contents.layers, SizeIs(1));
  EXPECT_EQ(contents.layers[0].description, layer.description);
  EXPECT_EQ(contents.layers[0].shape, layer.shape);
  EXPECT_EQ(contents.layers[0].size_bytes, layer.size_bytes);
  EXPECT_EQ(contents.layers[0].digest, layer.digest);
  EXPECT_EQ(contents.layers[0].create_time, layer.create_time);
  EXPECT_EQ(contents.layers[0].reduced_from, layer.reduced_from);
  ASSERT_THAT(contents.snapshots, SizeIs(1));
  EXPECT_EQ(contents.snapshots[0].key, layer.description.key.snapshot);
  EXPECT_FALSE(contents.snapshots[0].pinned);
}

TEST_F(SqliteCatalogTest, KeepsTheLayoutOfAnUpload) {
  UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
  plan.shape.layout = {RowKind::kJacobian, 5};
  ASSERT_TRUE(catalog_->PutUpload({"p1", plan, {}}).ok());
  Reopen();
  EXPECT_EQ(Read().uploads.at(0).plan.shape, plan.shape);
  plan.shape.layout.coordinates = 3;
  ASSERT_TRUE(catalog_->PutUpload({"p1", plan, {}}).ok());
  EXPECT_TRUE(absl::IsDataLoss(catalog_->Read().status())) << "rows of 5 are no 3 coordinates";
}

TEST_F(SqliteCatalogTest, ReplacingALayerKeepsThePinOfItsSnapshot) {
  ASSERT_TRUE(catalog_->PutLayer(Layer(Snapshot(), "fc1", 1), "").ok());
  const absl::Time used = absl::FromUnixNanos(5);
  ASSERT_TRUE(
      catalog_->UpdateSnapshots({{Snapshot(), true, used}, {Snapshot(9), true, used}}).ok());
  EXPECT_EQ(Read().snapshots[0].used, used);
  ASSERT_TRUE(catalog_->PutLayer(Layer(Snapshot(), "fc1", 2), "").ok());
  const CatalogContents contents = Read();
  ASSERT_THAT(contents.layers, SizeIs(1));
  EXPECT_EQ(contents.layers[0].digest, Activations(2)->digest());
  ASSERT_THAT(contents.snapshots, SizeIs(1)) << "what does not exist is not updated";
  EXPECT_TRUE(contents.snapshots[0].pinned);
}

TEST_F(SqliteCatalogTest, RemovesSnapshotsWithAllTheirLayersAndNoOther) {
  for (int step = 0; step < 3; ++step) {
    for (const char* name : {"fc1", "fc2"}) {
      ASSERT_TRUE(catalog_->PutLayer(Layer(Snapshot(step), name, step), "").ok());
    }
  }
  ASSERT_TRUE(catalog_->RemoveSnapshots({Snapshot(0), Snapshot(2)}).ok());
  Reopen();
  const CatalogContents contents = Read();
  ASSERT_THAT(contents.layers, SizeIs(2));
  EXPECT_EQ(contents.layers[0].description.key.snapshot.step, 1);
  EXPECT_THAT(contents.snapshots, SizeIs(1));
}

TEST_F(SqliteCatalogTest, KeepsUploadsUntilTheirLayerIsPut) {
  UploadRecord upload{"p1", Plan(Description(Snapshot(), "fc1"), 1), {{0, 40}, {80, 120}}};
  upload.plan.expected_digest = Activations(1)->digest().ToHex();
  upload.plan.input_ids_digest = std::string(32, 'd');
  upload.plan.on_conflict = OnConflict::kReplace;
  ASSERT_TRUE(catalog_->PutUpload(upload).ok());
  UploadRecord other{"p2", Plan(Description(Snapshot(), "fc2"), 2), {}};
  ASSERT_TRUE(catalog_->PutUpload(other).ok());
  upload.persisted = {{0, 120}};
  ASSERT_TRUE(catalog_->PutUpload(upload).ok());
  Reopen();
  std::vector<UploadRecord> uploads = Read().uploads;
  ASSERT_THAT(uploads, SizeIs(2));
  EXPECT_EQ(uploads[0].part, "p1");
  EXPECT_THAT(uploads[0].persisted, ElementsAre(ByteRange{0, 120}));
  EXPECT_EQ(uploads[0].plan.description, upload.plan.description);
  EXPECT_EQ(uploads[0].plan.shape, upload.plan.shape);
  EXPECT_EQ(uploads[0].plan.upload_id, "upload");
  EXPECT_EQ(uploads[0].plan.expected_digest, upload.plan.expected_digest);
  EXPECT_EQ(uploads[0].plan.input_ids_digest, upload.plan.input_ids_digest);
  EXPECT_EQ(uploads[0].plan.on_conflict, OnConflict::kReplace);
  ASSERT_TRUE(catalog_->PutLayer(Layer(Snapshot(), "fc1", 1), "p1").ok());
  EXPECT_THAT(Read().uploads, SizeIs(1));
  ASSERT_TRUE(catalog_->RemoveUploads({"p2", "p3"}).ok());
  EXPECT_THAT(Read().uploads, IsEmpty());
}

TEST_F(SqliteCatalogTest, RangesThatCannotBeAreDamage) {
  const UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
  const std::vector<std::vector<ByteRange>> impossible = {
      {{0, kLayerBytes + 1}}, {{-1, 5}}, {{5, 5}}, {{0, 10}, {10, 20}}, {{20, 30}, {0, 10}}};
  for (const std::vector<ByteRange>& ranges : impossible) {
    ASSERT_TRUE(catalog_->PutUpload({"p1", plan, ranges}).ok());
    EXPECT_TRUE(absl::IsDataLoss(catalog_->Read().status()));
  }
}

TEST_F(SqliteCatalogTest, KeepsProbeSetsWithIdsOfAnyBytes) {
  ProbeSet probe_set;
  probe_set.project = "default";
  probe_set.id = "cats";
  probe_set.input_ids = {"", "3:abc", std::string("\0x", 2), "\xFF"};
  probe_set.input_count = 4;
  probe_set.input_ids_digest = DigestOfInputIds(probe_set.input_ids);
  probe_set.create_time = absl::FromUnixNanos(77);
  ASSERT_TRUE(catalog_->AddProbeSet(probe_set).ok());
  EXPECT_FALSE(catalog_->AddProbeSet(probe_set).ok());
  Reopen();
  const std::vector<ProbeSet> probe_sets = Read().probe_sets;
  ASSERT_THAT(probe_sets, SizeIs(1));
  EXPECT_EQ(probe_sets[0].input_ids, probe_set.input_ids);
  EXPECT_EQ(probe_sets[0].input_count, 4);
  EXPECT_EQ(probe_sets[0].input_ids_digest, probe_set.input_ids_digest);
  EXPECT_EQ(probe_sets[0].create_time, probe_set.create_time);
  ASSERT_TRUE(catalog_->RemoveProbeSet("default", "cats").ok());
  EXPECT_THAT(Read().probe_sets, IsEmpty());
}

}  // namespace
}  // namespace gramian
