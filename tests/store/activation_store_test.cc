// What a store with a directory keeps, finds and refuses when it opens.
#include "gramian/store/activation_store.h"

#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gramian/store/probe_sets.h"
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

class ActivationStoreTest : public ::testing::Test {
 protected:
  ActivationStoreTest() {
    options_.data_dir = directory_.path() + "/data";
    options_.on_damage = [this](const absl::Status& status) {
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      damage_.emplace_back(status.message());
    };
    Restart();
  }

  absl::Status Open() {
    store_.reset();
    absl::StatusOr<std::unique_ptr<ActivationStore>> store = ActivationStore::Open(options_);
    if (store.ok()) store_ = *std::move(store);
    return store.status();
  }
  void Restart() {
    const absl::Status status = Open();
    ASSERT_TRUE(status.ok()) << status;
  }
  StoredLayer Commit(int64_t step, const std::string& layer, int seed) {
    const auto stored =
        testing::Commit(*store_, Description(Snapshot(step), layer), *Activations(seed));
    EXPECT_TRUE(stored.ok()) << stored.status();
    return stored.value();
  }
  std::string BlobPath(int seed) const {
    const std::string digest = Activations(seed)->digest().ToHex();
    return absl::StrCat(options_.data_dir, "/blobs/", digest.substr(0, 2), "/", digest,
                        ".safetensors");
  }
  absl::StatusOr<std::string> Load(int64_t step, const std::string& layer) {
    const absl::StatusOr<StoredLayer> stored = store_->GetLayer({Snapshot(step), layer});
    if (!stored.ok()) return stored.status();
    const auto loaded = store_->Load(*stored);
    if (!loaded.ok()) return loaded.status();
    return testing::BytesOf(**loaded);
  }
  // Turns over a bit of the last byte.
  void DamageBlob(int seed) const {
    std::fstream file(BlobPath(seed), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(-1, std::ios::end);
    const int byte = file.get();
    file.seekp(-1, std::ios::end);
    file.put(static_cast<char>(byte ^ 1));
    ASSERT_TRUE(file.good());
  }
  void Execute(const std::string& sql) const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((options_.data_dir + "/gramian.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }

  const testing::TemporaryDirectory directory_;
  StoreOptions options_;
  std::vector<std::string> damage_;
  std::unique_ptr<ActivationStore> store_;
};

TEST_F(ActivationStoreTest, OpensInMemoryWithoutADirectory) {
  const auto store = ActivationStore::Open({});
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->Stats().free_disk_bytes, -1);
}

TEST_F(ActivationStoreTest, FindsAfterARestartWhatWasThere) {
  const StoredLayer committed = Commit(7, "fc1", 1);
  Commit(8, "fc1", 2);
  ASSERT_TRUE(store_->PinSnapshot(Snapshot(8), true).ok());
  ASSERT_TRUE(store_->DeleteSnapshot(Snapshot(8)).ok());
  Commit(9, "fc1", 3);
  ASSERT_TRUE(store_->PinSnapshot(Snapshot(9), true).ok());
  ProbeSet probe_set;
  probe_set.project = "default";
  probe_set.id = "cats";
  probe_set.input_ids = {"a", "", "c:1", "d\ne"};
  const ProbeSet created = store_->CreateProbeSet(probe_set).value();
  Restart();
  EXPECT_THAT(damage_, IsEmpty());
  const StoredLayer layer = store_->GetLayer({Snapshot(7), "fc1"}).value();
  EXPECT_EQ(layer.description, committed.description);
  EXPECT_EQ(layer.shape, committed.shape);
  EXPECT_EQ(layer.size_bytes, committed.size_bytes);
  EXPECT_EQ(layer.digest, committed.digest);
  EXPECT_EQ(layer.create_time, committed.create_time);
  EXPECT_EQ(Load(7, "fc1").value(), testing::BytesOf(*Activations(1)));
  const std::vector<SnapshotSummary> snapshots = store_->ListSnapshots("default", "net");
  ASSERT_THAT(snapshots, SizeIs(2));
  EXPECT_FALSE(snapshots[0].pinned);
  EXPECT_TRUE(snapshots[1].pinned);
  const ProbeSet found = store_->GetProbeSet("default", "cats").value();
  EXPECT_EQ(found.input_ids, probe_set.input_ids);
  EXPECT_EQ(found.input_ids_digest, created.input_ids_digest);
  EXPECT_EQ(found.create_time, created.create_time);
  EXPECT_EQ(store_->Stats().bytes, 2 * kLayerBytes);
  EXPECT_EQ(store_->ProjectBytes("default"), 2 * kLayerBytes + KeptBytes(found));
}

TEST_F(ActivationStoreTest, AnUploadGoesOnAfterARestartWhereItWasPersisted) {
  UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
  plan.input_ids_digest = std::string(32, 'c');
  plan.expected_digest = Activations(1)->digest().ToHex();
  {
    const auto upload = store_->OpenUpload(plan).value();
    ASSERT_TRUE(AppendRows(*upload, 1, 2, 2).ok());
    ASSERT_TRUE(AppendRows(*upload, 1, 6, 1).ok());
    EXPECT_EQ(upload->Persist().value(), 3 * kRowBytes);
    ASSERT_TRUE(AppendRows(*upload, 1, 0, 1).ok());
  }
  Restart();
  EXPECT_EQ(store_->Stats().uploads, 1);
  EXPECT_EQ(store_->Stats().reserved_bytes, kLayerBytes);
  const auto upload = store_->OpenUpload(plan).value();
  EXPECT_EQ(store_->Stats().resumed_uploads, 1);
  EXPECT_THAT(upload->persisted(), ElementsAre(ByteRange{2 * kRowBytes, 4 * kRowBytes},
                                               ByteRange{6 * kRowBytes, 7 * kRowBytes}));
  EXPECT_EQ(upload->received_rows(), 3);
  EXPECT_TRUE(absl::IsInvalidArgument(AppendRows(*upload, 2, 3, 1))) << "other bytes";
  ASSERT_TRUE(AppendRows(*upload, 1, 0, 2).ok());
  ASSERT_TRUE(AppendRows(*upload, 1, 4, 2).ok());
  ASSERT_TRUE(AppendRows(*upload, 1, 7, 3).ok());
  ASSERT_TRUE(upload->Commit().ok());
  EXPECT_EQ(Load(0, "fc1").value(), testing::BytesOf(*Activations(1)));
  Restart();
  EXPECT_EQ(store_->Stats().uploads, 0);
  EXPECT_EQ(Load(0, "fc1").value(), testing::BytesOf(*Activations(1)));
}

TEST_F(ActivationStoreTest, WhatWasPersistedIsCheckedAfterARestartToo) {
  const UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
  const std::string infinite(static_cast<size_t>(kRowBytes), '\xFF');
  {
    const auto upload = store_->OpenUpload(plan).value();
    ASSERT_TRUE(upload->Append(4, 0, {absl::string_view(infinite)}).ok());
    ASSERT_TRUE(upload->Persist().ok());
  }
  Restart();
  const auto upload = store_->OpenUpload(plan).value();
  ASSERT_TRUE(AppendRows(*upload, 1, 0, 4).ok());
  ASSERT_TRUE(AppendRows(*upload, 1, 5, 5).ok());
  const absl::Status status = upload->Commit().status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("row 4, column 0"));
}

TEST_F(ActivationStoreTest, AnUploadThatPersistedNothingIsGoneAfterARestart) {
  const auto path = std::filesystem::path(options_.data_dir) / "uploads";
  ASSERT_TRUE(store_->OpenUpload(Plan(Description(Snapshot(), "fc1"), 1)).ok());
  EXPECT_FALSE(std::filesystem::is_empty(path));
  Restart();
  EXPECT_EQ(store_->Stats().uploads, 0);
  EXPECT_TRUE(std::filesystem::is_empty(path));
}

TEST_F(ActivationStoreTest, RetentionKnowsAfterARestartWhatWasUsedLast) {
  options_.retain_bytes = kLayerBytes;
  for (int step = 0; step < 3; ++step) Commit(step, "fc1", step);
  ASSERT_TRUE(store_->PinSnapshot(Snapshot(2), true).ok());
  ASSERT_TRUE(Load(0, "fc1").ok());
  ASSERT_TRUE(store_->ApplyRetention(absl::Now()).ok()) << "which only notes what was used";
  Restart();
  ASSERT_TRUE(store_->PinSnapshot(Snapshot(2), false).ok());
  options_.retain_bytes = 2 * kLayerBytes;
  Restart();
  EXPECT_EQ(store_->ApplyRetention(absl::Now()).value(), 1);
  EXPECT_TRUE(Load(0, "fc1").ok());
  EXPECT_TRUE(absl::IsNotFound(Load(1, "fc1").status()));
}

TEST_F(ActivationStoreTest, ABlobThatIsTruncatedOrMissingIsNamedAndTheRestWorks) {
  for (int seed = 1; seed <= 3; ++seed) Commit(seed, "fc1", seed);
  store_.reset();
  std::filesystem::resize_file(BlobPath(1), 300);
  std::filesystem::remove(BlobPath(2));
  Restart();
  ASSERT_THAT(damage_, SizeIs(2));
  EXPECT_THAT(damage_, ::testing::Contains(HasSubstr(Activations(1)->digest().ToHex())));
  EXPECT_THAT(damage_, ::testing::Contains(HasSubstr(Activations(2)->digest().ToHex())));
  EXPECT_EQ(store_->Stats().quarantined_blobs, 2);
  EXPECT_FALSE(std::filesystem::is_empty(options_.data_dir + "/quarantine"));
  for (int step = 1; step <= 2; ++step) {
    EXPECT_TRUE(store_->GetLayer({Snapshot(step), "fc1"})->damaged);
    const absl::Status status = Load(step, "fc1").status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(Activations(step)->digest().ToHex()));
  }
  EXPECT_EQ(Load(3, "fc1").value(), testing::BytesOf(*Activations(3)));
  for (int step = 1; step <= 2; ++step) Commit(step, "fc1", step);
  Restart();
  for (int step = 1; step <= 3; ++step) {
    EXPECT_EQ(Load(step, "fc1").value(), testing::BytesOf(*Activations(step)));
  }
}

TEST_F(ActivationStoreTest, ATurnedBitIsFoundWhenContentIsFirstLoaded) {
  Commit(1, "fc1", 1);
  Commit(2, "fc1", 1);
  store_.reset();
  DamageBlob(1);
  Restart();
  EXPECT_THAT(damage_, IsEmpty()) << "content is not read at the start";
  const absl::Status first = Load(1, "fc1").status();
  EXPECT_TRUE(absl::IsDataLoss(first)) << first;
  EXPECT_THAT(std::string(first.message()), HasSubstr("quarantine"));
  EXPECT_THAT(damage_, SizeIs(1));
  EXPECT_TRUE(absl::IsDataLoss(Load(2, "fc1").status()));
  EXPECT_THAT(damage_, SizeIs(1)) << "named once";
  Commit(2, "fc1", 1);
  EXPECT_EQ(Load(1, "fc1").value(), testing::BytesOf(*Activations(1)));
  EXPECT_FALSE(store_->GetLayer({Snapshot(1), "fc1"})->damaged);
}

TEST_F(ActivationStoreTest, BytesThatArriveAgainReplaceABlobThatNobodyHasRead) {
  Commit(1, "fc1", 1);
  store_.reset();
  DamageBlob(1);
  Restart();
  Commit(2, "fc1", 1);
  EXPECT_EQ(Load(1, "fc1").value(), testing::BytesOf(*Activations(1)));
  EXPECT_EQ(store_->Stats().bytes, kLayerBytes);
  EXPECT_THAT(damage_, IsEmpty());
}

TEST_F(ActivationStoreTest, DamagedContentIsNotCommittedWithoutBytes) {
  Commit(1, "fc1", 1);
  store_.reset();
  DamageBlob(1);
  Restart();
  UploadPlan plan = Plan(Description(Snapshot(2), "fc1"), 1);
  plan.expected_digest = Activations(1)->digest().ToHex();
  EXPECT_TRUE(absl::IsNotFound(store_->CommitKnownContent(plan).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->GetLayer({Snapshot(2), "fc1"}).status()));
}

TEST_F(ActivationStoreTest, AnUploadWhosePartIsDamagedIsDroppedAndNamed) {
  const UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
  {
    const auto upload = store_->OpenUpload(plan).value();
    ASSERT_TRUE(AppendRows(*upload, 1, 0, 5).ok());
    ASSERT_TRUE(upload->Persist().ok());
  }
  store_.reset();
  const auto parts = std::filesystem::directory_iterator(options_.data_dir + "/uploads");
  std::filesystem::resize_file(parts->path(), 100);
  Restart();
  ASSERT_THAT(damage_, SizeIs(1));
  EXPECT_THAT(damage_[0], HasSubstr("upload 'upload' of layer 'fc1'"));
  EXPECT_EQ(store_->Stats().uploads, 0);
  EXPECT_EQ(store_->Stats().reserved_bytes, 0);
  EXPECT_TRUE(std::filesystem::is_empty(options_.data_dir + "/uploads"));
  Commit(0, "fc1", 1);
}

TEST_F(ActivationStoreTest, BlobsThatNobodyNamesGoAndForeignFilesStay) {
  Commit(1, "fc1", 1);
  Commit(2, "fc1", 2);
  const std::string path = BlobPath(2);
  const std::string copy = options_.data_dir + "/copy";
  std::filesystem::copy_file(path, copy);
  ASSERT_TRUE(store_->DeleteSnapshot(Snapshot(2)).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
  store_.reset();
  std::filesystem::rename(copy, path);
  const std::string foreign = options_.data_dir + "/blobs/README";
  std::ofstream(foreign) << "mine";
  Restart();
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(std::filesystem::exists(foreign));
  EXPECT_TRUE(std::filesystem::exists(BlobPath(1)));
  EXPECT_THAT(damage_, IsEmpty());
}

TEST_F(ActivationStoreTest, OneProcessAtATimeUsesADirectory) {
  const auto second = ActivationStore::Open(options_);
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(options_.data_dir));
  store_.reset();
  EXPECT_TRUE(Open().ok());
}

TEST_F(ActivationStoreTest, ADamagedCatalogIsNamedAndNothingIsTouched) {
  Commit(1, "fc1", 1);
  store_.reset();
  const std::string path = options_.data_dir + "/gramian.db";
  std::filesystem::remove(path + "-wal");
  std::ofstream(path, std::ios::trunc) << std::string(10000, 'x');
  const absl::Status status = Open();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  EXPECT_TRUE(std::filesystem::exists(BlobPath(1)));
}

TEST_F(ActivationStoreTest, ACatalogOfANewerProgramIsRefused) {
  store_.reset();
  Execute("PRAGMA user_version=1000");
  const absl::Status status = Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("format 1000"));
}

TEST_F(ActivationStoreTest, ADatabaseOfAnotherProgramIsRefused) {
  store_.reset();
  Execute("PRAGMA application_id=12345");
  EXPECT_TRUE(absl::IsDataLoss(Open()));
}

TEST_F(ActivationStoreTest, ACatalogWithImpossibleRowsIsDamaged) {
  Commit(1, "fc1", 1);
  for (const char* change : {"row_count=0", "dtype='int7'", "digest='short'"}) {
    SCOPED_TRACE(change);
    store_.reset();
    Execute("CREATE TABLE kept AS SELECT * FROM layers");
    Execute(absl::StrCat("UPDATE layers SET ", change));
    EXPECT_TRUE(absl::IsDataLoss(Open()));
    Execute("DELETE FROM layers; INSERT INTO layers SELECT * FROM kept; DROP TABLE kept");
  }
  Restart();
  EXPECT_TRUE(Load(1, "fc1").ok());
}

TEST_F(ActivationStoreTest, ADirectoryThatCannotBeWrittenIsNamed) {
  store_.reset();
  testing::FaultyFileSystem files;
  options_.files = &files;
  files.FailOnce(testing::FileOperation::kCreateDirectories,
                 absl::PermissionDeniedError("cannot create directory /data"));
  EXPECT_TRUE(absl::IsPermissionDenied(Open()));
  options_.files = nullptr;
  options_.data_dir = directory_.path() + "/data/LOCK/below";
  EXPECT_FALSE(Open().ok()) << "a file is no directory";
}

TEST_F(ActivationStoreTest, WhatCannotBeReadNowIsNoDamage) {
  Commit(1, "fc1", 1);
  store_.reset();
  testing::FaultyFileSystem files;
  options_.files = &files;
  files.FailOnce(testing::FileOperation::kOpen, absl::UnavailableError("too many open files"));
  EXPECT_TRUE(absl::IsUnavailable(Open()));
  EXPECT_THAT(damage_, IsEmpty());
  Restart();
  EXPECT_TRUE(Load(1, "fc1").ok());
  store_.reset();
}

// Goal: a data directory that lost its catalog keeps its activations. Method: the catalog is taken
// away, emptied, or left without its log, as after a backup that missed it.
TEST_F(ActivationStoreTest, ActivationsWithoutTheirCatalogAreRefusedAndNotTouched) {
  Commit(0, "fc1", 1);
  const auto upload = store_->OpenUpload(Plan(Description(Snapshot(0), "fc2"), 2)).value();
  ASSERT_TRUE(AppendRows(*upload, 2, 0, 5).ok());
  ASSERT_TRUE(upload->Persist().ok());
  store_.reset();
  const std::string catalog = options_.data_dir + "/gramian.db";
  std::filesystem::rename(catalog, directory_.path() + "/aside");
  const auto expect_refused = [&](const char* what) {
    const absl::Status status = Open();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << what << ": " << status;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(catalog), HasSubstr("/blobs")));
    EXPECT_TRUE(std::filesystem::exists(BlobPath(1))) << what;
    EXPECT_THAT(damage_, IsEmpty());
  };
  expect_refused("missing");
  EXPECT_FALSE(std::filesystem::exists(catalog));
  std::ofstream(catalog).flush();
  expect_refused("empty");
  {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(catalog.c_str(), &database), SQLITE_OK);
    sqlite3_exec(database, "PRAGMA journal_mode=WAL", nullptr, nullptr, nullptr);
    sqlite3_close(database);
  }
  expect_refused("without tables");
  std::filesystem::rename(directory_.path() + "/aside", catalog);
  Restart();
  EXPECT_EQ(Load(0, "fc1").value(), testing::BytesOf(*Activations(1)));
  EXPECT_EQ(store_->Stats().uploads, 1);
}

TEST_F(ActivationStoreTest, WithoutActivationsACatalogIsBegunAnew) {
  Commit(0, "fc1", 1);
  ASSERT_TRUE(store_->DeleteSnapshot(Snapshot(0)).ok());
  store_.reset();
  std::filesystem::remove(options_.data_dir + "/gramian.db");
  Restart();
  Commit(0, "fc1", 1);
}

TEST_F(ActivationStoreTest, ADirectoryInPlaceOfABlobIsPutAside) {
  Commit(0, "fc1", 1);
  Commit(1, "fc1", 2);
  for (const bool restarts : {true, false}) {
    std::filesystem::remove(BlobPath(1));
    std::filesystem::create_directories(BlobPath(1) + "/inside");
    if (restarts) {
      Restart();
    } else {
      EXPECT_TRUE(absl::IsDataLoss(Load(0, "fc1").status()));
    }
    ASSERT_THAT(damage_, SizeIs(1));
    EXPECT_THAT(damage_[0], AllOf(HasSubstr("directory"), HasSubstr("moved to")));
    damage_.clear();
    EXPECT_FALSE(std::filesystem::exists(BlobPath(1)));
    EXPECT_EQ(Load(1, "fc1").value(), testing::BytesOf(*Activations(2)));
    std::filesystem::remove_all(options_.data_dir + "/quarantine");
    Restart();
    damage_.clear();
    Commit(0, "fc1", 1);
    Restart();
  }
}

}  // namespace
}  // namespace gramian
