#include "gramian/store/sqlite_catalog.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
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
    layer.input_ids_digest = std::string(32, 'e');
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
  EXPECT_EQ(contents.layers[0].input_ids_digest, layer.input_ids_digest);
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

// All that a catalog holds, as one text.
std::string Describe(const CatalogContents& contents) {
  std::string text;
  for (const StoredLayer& layer : contents.layers) {
    const LayerDescription& d = layer.description;
    absl::StrAppend(&text, NameOf(d.key.snapshot), d.key.snapshot.project, d.key.layer,
                    d.module_path, d.probe_set, d.reduction, d.ordinal, layer.shape.rows, "x",
                    layer.shape.cols, ToString(layer.shape.dtype), layer.digest.ToHex(),
                    layer.input_ids_digest, absl::ToUnixNanos(layer.create_time), "\n");
  }
  for (const SnapshotRecord& snapshot : contents.snapshots) {
    absl::StrAppend(&text, NameOf(snapshot.key), snapshot.key.project, snapshot.pinned,
                    absl::ToUnixNanos(snapshot.used), "\n");
  }
  for (const UploadRecord& upload : contents.uploads) {
    absl::StrAppend(&text, upload.part, upload.plan.upload_id, upload.plan.description.key.layer,
                    upload.persisted.size(), upload.persisted[0].end, "\n");
  }
  for (const ProbeSet& probe_set : contents.probe_sets) {
    absl::StrAppend(&text, probe_set.project, probe_set.id, probe_set.input_count,
                    probe_set.input_ids[0], probe_set.input_ids_digest, "\n");
  }
  return text;
}

// Goal: a damaged catalog never passes for another one. Method: one bit of the file after the other
// is turned, with a stride that meets all kinds of bytes.
TEST_F(SqliteCatalogTest, ATurnedBitIsFoundOrChangesNothing) {
  for (int step = 0; step < 4; ++step) {
    ASSERT_TRUE(catalog_->PutLayer(Layer(Snapshot(step), "fc1", step), "").ok());
  }
  ASSERT_TRUE(catalog_->PutUpload({"p1", Plan(Description(Snapshot(), "fc2"), 1), {{0, 40}}}).ok());
  ProbeSet probe_set;
  probe_set.project = "default";
  probe_set.id = "probes";
  probe_set.input_count = 1;
  probe_set.input_ids = {std::string(200, 'i')};
  ASSERT_TRUE(catalog_->AddProbeSet(probe_set).ok());
  const std::string expected = Describe(Read());
  catalog_.reset();
  const std::string path = directory_.path() + "/gramian.db";
  const auto size = static_cast<int64_t>(std::filesystem::file_size(path));
  int found = 0;
  for (int64_t place = 0; place < size; place += 47) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(place);
    const int byte = file.get();
    const auto put = [&](int value) {
      file.seekp(place);
      file.put(static_cast<char>(value)).flush();
    };
    put(byte ^ (1 << place % 8));
    {
      const std::string copy = directory_.path() + "/copy.db";
      std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
      const auto catalog = OpenSqliteCatalog(copy, SqliteDatabase::Creation::kRefused);
      const auto contents = catalog.ok() ? (*catalog)->Read() : catalog.status();
      if (contents.ok()) {
        EXPECT_EQ(Describe(*contents), expected) << "byte " << place;
      } else {
        ++found;
      }
    }
    put(byte);
  }
  EXPECT_GT(found, 20);
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

// The tables of the first format, as its programs made them, with a row in each.
constexpr char kFormat1[] = R"sql(
CREATE TABLE layers(
  project TEXT NOT NULL, network TEXT NOT NULL, step INTEGER NOT NULL, layer TEXT NOT NULL,
  module_path TEXT NOT NULL, probe_set TEXT NOT NULL, reduction TEXT NOT NULL,
  ordinal INTEGER NOT NULL, dtype TEXT NOT NULL, row_count INTEGER NOT NULL,
  col_count INTEGER NOT NULL, digest TEXT NOT NULL, created_ns INTEGER NOT NULL,
  PRIMARY KEY(project, network, step, layer)) WITHOUT ROWID;
CREATE TABLE snapshots(
  project TEXT NOT NULL, network TEXT NOT NULL, step INTEGER NOT NULL,
  pinned INTEGER NOT NULL, used_ns INTEGER NOT NULL,
  PRIMARY KEY(project, network, step)) WITHOUT ROWID;
CREATE TABLE uploads(
  part TEXT NOT NULL PRIMARY KEY,
  project TEXT NOT NULL, network TEXT NOT NULL, step INTEGER NOT NULL, layer TEXT NOT NULL,
  module_path TEXT NOT NULL, probe_set TEXT NOT NULL, reduction TEXT NOT NULL,
  ordinal INTEGER NOT NULL, dtype TEXT NOT NULL, row_count INTEGER NOT NULL,
  col_count INTEGER NOT NULL, upload_id TEXT NOT NULL, expected_digest TEXT NOT NULL,
  replaces INTEGER NOT NULL, input_ids_digest TEXT NOT NULL, persisted BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE probe_sets(
  project TEXT NOT NULL, id TEXT NOT NULL, input_count INTEGER NOT NULL,
  input_ids_digest TEXT NOT NULL, input_ids BLOB NOT NULL, created_ns INTEGER NOT NULL,
  PRIMARY KEY(project, id)) WITHOUT ROWID;
INSERT INTO layers VALUES('p', 'net', 3, 'fc1', 'm', 'cats', 'none', 2, 'float32', 10, 5,
                          '000102030405060708090a0b0c0d0e0f', 77);
INSERT INTO snapshots VALUES('p', 'net', 3, 1, 78);
INSERT INTO uploads VALUES('part', 'p', 'net', 3, 'fc2', 'm', 'cats', 'none', 2, 'float32', 10, 5, 'id',
                           '', 0, '', x'00000000000000002800000000000000');
INSERT INTO probe_sets VALUES('p', 'cats', 10, '', '', 79);
)sql";

TEST_F(SqliteCatalogTest, ReadsAndGoesOnWithWhatTheFirstFormatHolds) {
  catalog_.reset();
  const std::string path = directory_.path() + "/old.db";
  ASSERT_TRUE(SqliteDatabase::Open(path, SqliteDatabase::Durability::kNothing, {kFormat1}).ok());
  for (const bool again : {false, true}) {
    catalog_ = OpenSqliteCatalog(path, SqliteDatabase::Creation::kRefused).value();
    const CatalogContents contents = Read();
    ASSERT_THAT(contents.layers, SizeIs(again ? 2 : 1));
    EXPECT_EQ(contents.layers[0].description.key.layer, "fc1");
    EXPECT_EQ(contents.layers[0].size_bytes, kLayerBytes);
    EXPECT_EQ(contents.layers[0].create_time, absl::FromUnixNanos(77));
    EXPECT_EQ(contents.layers[0].input_ids_digest, "");
    ASSERT_THAT(contents.snapshots, SizeIs(1));
    EXPECT_TRUE(contents.snapshots[0].pinned);
    ASSERT_THAT(contents.uploads, SizeIs(1));
    EXPECT_THAT(contents.uploads[0].persisted, ElementsAre(ByteRange{0, 40}));
    EXPECT_THAT(contents.probe_sets, SizeIs(1));
    ASSERT_TRUE(catalog_->PutLayer(Layer(Snapshot(3, "net", "p"), "fc9", 1), "").ok());
    catalog_.reset();
  }
}

}  // namespace
}  // namespace gramian
