// One thing fails at a time: what the caller is told, and that nothing else suffers.
#include <chrono>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gramian/base/error_reason.h"
#include "gramian/store/ballast.h"
#include "gramian/store/open_directory.h"
#include "gtest/gtest.h"
#include "tests/store/sample_layers.h"
#include "tests/testing/faulty_catalog.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

using testing::FileOperation;

absl::Status NoSpace() { return DiskFull("no space left on device", 100, 60); }

class StoreFaultsTest : public ::testing::Test {
 protected:
  StoreFaultsTest() {
    options_.data_dir = directory_.path();
    options_.files = &files_;
    Restart();
    EXPECT_TRUE(Commit("kept", 9).ok());
  }
  ~StoreFaultsTest() override {
    ExpectHolds("kept", 9);
    EXPECT_EQ(store_->Stats().reserved_bytes, 0);
    EXPECT_EQ(store_->Stats().uploads, 0);
    failure_ = absl::OkStatus();
    Restart();
    ExpectHolds("kept", 9);
    EXPECT_EQ(FilesIn("uploads"), 0);
    store_.reset();
  }

  void Restart() {
    store_.reset();
    auto store = OpenDirectory(options_, [this](std::unique_ptr<Catalog> real) {
      return std::make_unique<testing::FaultyCatalog>(std::move(real), &files_,
                                                      [this] { return why_not_(); });
    });
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  absl::Status Commit(const std::string& layer, int seed) {
    return testing::Commit(*store_, Description(Snapshot(), layer), *Activations(seed)).status();
  }
  void ExpectHolds(const std::string& layer, int seed) {
    const absl::StatusOr<StoredLayer> stored = store_->GetLayer({Snapshot(), layer});
    ASSERT_TRUE(stored.ok()) << stored.status();
    const auto loaded = store_->Load(*stored);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(testing::BytesOf(**loaded), testing::BytesOf(*Activations(seed)));
  }
  void ExpectMissing(const std::string& layer) {
    EXPECT_TRUE(absl::IsNotFound(store_->GetLayer({Snapshot(), layer}).status()));
  }
  int64_t FilesIn(const std::string& name) const {
    int64_t count = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory_.path() + "/" + name)) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  }
  std::shared_ptr<Upload> Open(const std::string& layer, int seed) {
    return store_->OpenUpload(Plan(Description(Snapshot(), layer), seed)).value();
  }

  const testing::TemporaryDirectory directory_;
  testing::FaultyFileSystem files_;
  absl::Status failure_;  // Of the catalog, while it is not OK.
  std::function<absl::Status()> why_not_ = [this] { return failure_; };
  StoreOptions options_;
  std::unique_ptr<ActivationStore> store_;
};

TEST_F(StoreFaultsTest, AWriteThatFailsHalfWayIsNotCountedAndCanBeRepeated) {
  const auto upload = Open("fc1", 1);
  for (const absl::Status& fault : {NoSpace(), absl::DataLossError("input/output error")}) {
    files_.FailOnce(FileOperation::kWrite, fault);
    EXPECT_EQ(AppendRows(*upload, 1, 0, kRows), fault);
    EXPECT_EQ(upload->received_bytes(), 0);
  }
  ASSERT_TRUE(AppendRows(*upload, 1, 0, 3).ok());
  files_.FailOnce(FileOperation::kWrite, NoSpace());
  EXPECT_TRUE(HasReason(AppendRows(*upload, 1, 2, 4), "DISK_FULL"));
  EXPECT_EQ(upload->received_rows(), 3);
  ASSERT_TRUE(AppendRows(*upload, 1, 2, 8).ok());
  ASSERT_TRUE(upload->Commit().ok());
  ExpectHolds("fc1", 1);
}

TEST_F(StoreFaultsTest, AnUploadWhoseSyncFailsIsGoneAndCanBeginAnew) {
  for (const bool commits : {false, true}) {
    const auto upload = Open("fc1", 1);
    ASSERT_TRUE(AppendRows(*upload, 1, 0, 5).ok());
    ASSERT_TRUE(upload->Persist().ok());
    ASSERT_TRUE(AppendRows(*upload, 1, 5, 5).ok());
    files_.FailOnce(FileOperation::kSync, absl::DataLossError("input/output error"));
    const absl::Status status = commits ? upload->Commit().status() : upload->Persist().status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_TRUE(absl::IsAborted(AppendRows(*upload, 1, 0, 1)));
    EXPECT_EQ(upload->Commit().status(), status);
    EXPECT_TRUE(absl::IsNotFound(store_->GetUpload({Snapshot(), "fc1"}, "upload").status()));
    ExpectMissing("fc1");
    EXPECT_EQ(FilesIn("uploads"), 0);
  }
  ASSERT_TRUE(Commit("fc1", 1).ok());
  ExpectHolds("fc1", 1);
}

// Goal: uploads that wait for their clients, however many there are, leave the descriptors to
// others, before a restart and after it.
TEST_F(StoreFaultsTest, OpenUploadsTakeNoDescriptor) {
  constexpr int kUploads = 40;
  for (int i = 0; i < kUploads; ++i) {
    const auto upload = Open(absl::StrCat("fc", i), 1);
    ASSERT_TRUE(AppendRows(*upload, 1, 0, 5).ok());
    if (i % 2 == 0) {
      ASSERT_TRUE(upload->Persist().ok());
    }
  }
  EXPECT_EQ(store_->Stats().uploads, kUploads);
  EXPECT_EQ(files_.open_files(), 0);
  Restart();
  EXPECT_EQ(store_->Stats().uploads, kUploads / 2);
  EXPECT_EQ(files_.open_files(), 0);
  const auto upload = Open("fc0", 1);
  EXPECT_EQ(upload->persisted_bytes(), 5 * kRowBytes);
  ASSERT_TRUE(AppendRows(*upload, 1, 5, 5).ok());
  ASSERT_TRUE(upload->Commit().ok());
  ExpectHolds("fc0", 1);
  EXPECT_EQ(store_->ExpireUploads(absl::InfiniteFuture()), kUploads / 2 - 1);
}

TEST_F(StoreFaultsTest, AnUploadThatCannotBeOpenedNowIsNotLost) {
  const absl::Status too_many = absl::UnavailableError("too many open files");
  const auto upload = Open("fc1", 1);
  files_.FailOnce(FileOperation::kOpen, too_many);
  EXPECT_EQ(AppendRows(*upload, 1, 0, kRows), too_many);
  ASSERT_TRUE(AppendRows(*upload, 1, 0, kRows).ok());
  files_.FailOnce(FileOperation::kOpen, too_many);
  EXPECT_EQ(upload->Persist().status(), too_many);
  EXPECT_EQ(upload->Persist().value(), kLayerBytes);
  files_.FailOnce(FileOperation::kOpen, too_many);
  EXPECT_EQ(upload->Commit().status(), too_many);
  ASSERT_TRUE(upload->Commit().ok());
  ExpectHolds("fc1", 1);
}

TEST_F(StoreFaultsTest, ARestartDoesNotMakeAnUploadYounger) {
  const auto upload = Open("fc2", 1);
  ASSERT_TRUE(AppendRows(*upload, 1, 0, 5).ok());
  ASSERT_TRUE(upload->Persist().ok());
  for (const auto& part : std::filesystem::directory_iterator(directory_.path() + "/uploads")) {
    std::filesystem::last_write_time(
        part.path(), std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  }
  Restart();
  const absl::Time now = absl::Now();
  const absl::Time touched = store_->GetUpload({Snapshot(), "fc2"}, "upload").value()->touched();
  EXPECT_LT(touched, now - absl::Minutes(59));
  EXPECT_GT(touched, now - absl::Minutes(61));
  EXPECT_EQ(store_->ExpireUploads(now - absl::Minutes(62)), 0);
  EXPECT_EQ(store_->ExpireUploads(now - absl::Minutes(58)), 1);
}

// Goal: what was acknowledged as persisted is not lost with a commit that the disk refuses. Method:
// each step of the commit fails once, after that it is repeated, at once or by the next process.
TEST_F(StoreFaultsTest, ACommitThatTheDiskRefusesIsRepeatedWithoutSendingAnything) {
  struct Fault {
    FileOperation operation;
    absl::Status status;
    int64_t skip;
  };
  const absl::Status broken = absl::DataLossError("input/output error");
  const std::vector<Fault> faults = {
      {FileOperation::kCreateDirectories, NoSpace(), 0},
      {FileOperation::kSyncDirectory, broken, 0},  // Of all blobs.
      {FileOperation::kRename, absl::UnavailableError("cannot rename"), 0},
      {FileOperation::kSyncDirectory, broken, 1}};  // Of the blob.
  int seed = 20;
  for (const bool restarts : {false, true}) {
    for (const Fault& fault : faults) {
      const std::string layer = absl::StrCat("fc", ++seed);
      SCOPED_TRACE(layer);
      auto upload = Open(layer, seed);
      ASSERT_TRUE(AppendRows(*upload, seed, 0, kRows).ok());
      ASSERT_TRUE(upload->Persist().ok());
      Restart();  // No directory of a blob is known to be there.
      upload = Open(layer, seed);
      files_.FailOnce(fault.operation, fault.status, fault.skip);
      EXPECT_EQ(upload->Commit().status(), fault.status);
      ExpectMissing(layer);
      EXPECT_EQ(FilesIn("blobs"), seed - 20);
      EXPECT_EQ(FilesIn("uploads"), 1);
      if (restarts) Restart();
      upload = Open(layer, seed);
      EXPECT_EQ(upload->persisted_bytes(), kLayerBytes);
      ASSERT_TRUE(upload->Commit().ok());
      ExpectHolds(layer, seed);
    }
  }
}

TEST_F(StoreFaultsTest, ACommitThatFailsLeavesTheSameContentToWhoHasIt) {
  Restart();  // Nobody has read it since.
  const auto upload = Open("copy", 9);
  ASSERT_TRUE(AppendRows(*upload, 9, 0, kRows).ok());
  ASSERT_TRUE(upload->Persist().ok());
  files_.FailOnce(FileOperation::kSyncDirectory, absl::DataLossError("input/output error"), 1);
  EXPECT_TRUE(absl::IsDataLoss(upload->Commit().status()));
  ExpectMissing("copy");
  ExpectHolds("kept", 9);
}

TEST_F(StoreFaultsTest, AnUploadWhosePartCannotBeEnteredIsGone) {
  files_.FailOnce(FileOperation::kSyncDirectory, absl::DataLossError("input/output error"));
  EXPECT_TRUE(absl::IsDataLoss(Commit("fc1", 1)));
  ExpectMissing("fc1");
  EXPECT_EQ(FilesIn("uploads"), 0);
}

TEST_F(StoreFaultsTest, AnUploadThatGetsNoFileGivesItsReservationBack) {
  const UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
  files_.FailOnce(FileOperation::kCreate, NoSpace());
  EXPECT_TRUE(HasReason(store_->OpenUpload(plan).status(), "DISK_FULL"));
  files_.FailOnce(FileOperation::kWrite, NoSpace());
  EXPECT_TRUE(HasReason(store_->OpenUpload(plan).status(), "DISK_FULL"));
  files_.FailOnce(FileOperation::kMap, absl::UnavailableError("cannot allocate memory"));
  EXPECT_TRUE(absl::IsUnavailable(store_->OpenUpload(plan).status()));
  files_.FailOnce(FileOperation::kFreeBytes, absl::UnavailableError("no such device"));
  EXPECT_TRUE(absl::IsUnavailable(store_->OpenUpload(plan).status()));
  EXPECT_EQ(FilesIn("uploads"), 0);
}

TEST_F(StoreFaultsTest, TheReserveOfTheDiskIsLeftAloneToTheByte) {
  options_.disk_reserve_bytes = 1000;
  Restart();
  files_.SetFreeBytes(1000 + kLayerBytes - 1);
  const absl::Status status = Commit("fc1", 1);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(HasReason(status, "DISK_FULL"));
  files_.SetFreeBytes(1000 + kLayerBytes);
  EXPECT_TRUE(Commit("fc1", 1).ok());
}

TEST_F(StoreFaultsTest, ACatalogWithoutSpaceRefusesChangesAndKeepsWhatIsThere) {
  const auto upload = Open("fc1", 1);
  ASSERT_TRUE(AppendRows(*upload, 1, 0, 5).ok());
  failure_ = NoSpace();
  EXPECT_TRUE(HasReason(upload->Persist().status(), "DISK_FULL"));
  EXPECT_EQ(upload->persisted_bytes(), 0);
  EXPECT_TRUE(HasReason(store_->DeleteSnapshot(Snapshot()).status(), "DISK_FULL"));
  EXPECT_TRUE(HasReason(store_->DeleteNetwork("default", "net").status(), "DISK_FULL"));
  EXPECT_TRUE(HasReason(store_->PinSnapshot(Snapshot(), true).status(), "DISK_FULL"));
  ProbeSet probe_set;
  probe_set.project = "default";
  probe_set.id = "other";
  probe_set.input_count = 3;
  EXPECT_TRUE(HasReason(store_->CreateProbeSet(probe_set).status(), "DISK_FULL"));
  EXPECT_THAT(store_->ListProbeSets("default"), ::testing::IsEmpty());
  EXPECT_FALSE(store_->ListSnapshots("default", "net")[0].pinned);
  failure_ = absl::OkStatus();
  ASSERT_TRUE(AppendRows(*upload, 1, 5, 5).ok());
  EXPECT_TRUE(upload->Persist().ok()) << "the upload stayed open";
  failure_ = NoSpace();
  EXPECT_TRUE(HasReason(upload->Commit().status(), "DISK_FULL"));
  ExpectMissing("fc1");
  EXPECT_EQ(FilesIn("blobs"), 1) << "nothing is left behind on a full disk";
  EXPECT_EQ(store_->Stats().bytes, kLayerBytes);
  failure_ = absl::OkStatus();
  ASSERT_TRUE(upload->Commit().ok()) << "the upload is still open";
  ExpectHolds("fc1", 1);
}

// Goal: a disk that others have filled can be made room on. Method: the catalog has no room as long
// as the ballast takes it.
TEST_F(StoreFaultsTest, WhatMakesRoomIsDoneOnAFullDiskAtTheCostOfTheBallast) {
  const std::string ballast = directory_.path() + "/ballast";
  for (const int step : {1, 2}) {
    ASSERT_TRUE(
        testing::Commit(*store_, Description(Snapshot(step), "fc1"), *Activations(step)).ok());
  }
  EXPECT_EQ(std::filesystem::file_size(ballast), kBallastBytes);
  why_not_ = [&] { return std::filesystem::exists(ballast) ? NoSpace() : absl::OkStatus(); };
  EXPECT_TRUE(HasReason(Commit("fc2", 3), "DISK_FULL"));
  EXPECT_TRUE(store_->DeleteSnapshot(Snapshot(1)).ok());
  EXPECT_FALSE(std::filesystem::exists(ballast));
  why_not_ = [] { return absl::OkStatus(); };
  files_.FailOnce(FileOperation::kCreate, NoSpace(), 1);  // After the part.
  EXPECT_TRUE(Commit("fc2", 3).ok());
  EXPECT_FALSE(std::filesystem::exists(ballast)) << "there is no room for it yet";
  EXPECT_TRUE(Commit("fc3", 4).ok());
  EXPECT_EQ(std::filesystem::file_size(ballast), kBallastBytes);
  // Retention makes room in the same way.
  options_.retain_age = absl::Hours(1);
  Restart();
  ASSERT_TRUE(store_->PinSnapshot(Snapshot(0), true).ok());
  ASSERT_TRUE(store_->Load(store_->GetLayer({Snapshot(2), "fc1"}).value()).ok());
  why_not_ = [&] { return std::filesystem::exists(ballast) ? NoSpace() : absl::OkStatus(); };
  EXPECT_EQ(store_->ApplyRetention(absl::Now() + absl::Hours(2)).value(), 1);
  why_not_ = [] { return absl::OkStatus(); };
}

TEST_F(StoreFaultsTest, ACommitWhoseTransactionMayHaveBeenMadeLeavesItsBlobUntilTheNextStart) {
  failure_ = absl::UnavailableError("disk I/O error");
  EXPECT_TRUE(absl::IsUnavailable(Commit("fc1", 1)));
  ExpectMissing("fc1");
  EXPECT_EQ(FilesIn("blobs"), 2);
  failure_ = NoSpace();
  EXPECT_TRUE(HasReason(Commit("fc2", 1), "DISK_FULL"));
  EXPECT_EQ(FilesIn("blobs"), 2) << "nor does the same content take it away";
  failure_ = absl::OkStatus();
  Restart();
  ExpectMissing("fc1");
  EXPECT_EQ(FilesIn("blobs"), 1);
  ASSERT_TRUE(Commit("fc1", 1).ok());
}

TEST_F(StoreFaultsTest, ABlobThatCannotBeOpenedNowIsNotGivenUp) {
  Restart();
  const StoredLayer layer = store_->GetLayer({Snapshot(), "kept"}).value();
  files_.FailOnce(FileOperation::kOpen, absl::UnavailableError("too many open files"));
  EXPECT_TRUE(absl::IsUnavailable(store_->Load(layer).status()));
  files_.FailOnce(FileOperation::kMap, absl::UnavailableError("cannot allocate memory"));
  EXPECT_TRUE(absl::IsUnavailable(store_->Load(layer).status()));
  EXPECT_EQ(store_->Stats().quarantined_blobs, 0);
}

TEST_F(StoreFaultsTest, ABlobThatCannotBeReadIsPutAside) {
  ASSERT_TRUE(Commit("fc1", 1).ok());
  Restart();
  const StoredLayer layer = store_->GetLayer({Snapshot(), "fc1"}).value();
  files_.FailOnce(FileOperation::kRead, absl::DataLossError("input/output error"));
  EXPECT_TRUE(absl::IsDataLoss(store_->Load(layer).status()));
  EXPECT_EQ(FilesIn("quarantine"), 1);
  EXPECT_TRUE(store_->GetLayer({Snapshot(), "fc1"})->damaged);
  ASSERT_TRUE(Commit("fc1", 1).ok());
  ExpectHolds("fc1", 1);
}

TEST_F(StoreFaultsTest, ABlobThatCannotBeRemovedGoesWithTheNextStart) {
  ASSERT_TRUE(testing::Commit(*store_, Description(Snapshot(1), "fc1"), *Activations(1)).ok());
  files_.FailOnce(FileOperation::kRemove, absl::UnavailableError("busy"));
  EXPECT_TRUE(store_->DeleteSnapshot(Snapshot(1)).ok());
  EXPECT_EQ(FilesIn("blobs"), 2);
  EXPECT_EQ(store_->Stats().bytes, kLayerBytes);
  Restart();
  EXPECT_EQ(FilesIn("blobs"), 1);
}

TEST_F(StoreFaultsTest, RetentionWritesOnlyWhatWasUsedSince) {
  const auto steps = [this] {
    const int64_t before = files_.steps();
    EXPECT_EQ(store_->ApplyRetention(absl::Now()).value(), 0);
    return files_.steps() - before;
  };
  for (const absl::Duration retain_age : {absl::InfiniteDuration(), absl::Hours(1)}) {
    options_.retain_age = retain_age;
    Restart();
    (void)steps();
    EXPECT_EQ(steps(), 0);
    ExpectHolds("kept", 9);
    EXPECT_GT(steps(), 0) << "which was used";
    EXPECT_EQ(steps(), 0);
  }
}

TEST(StoreAllocationTest, MemoryThatCannotBeHadIsPressureAndGivesTheReservationBack) {
  StoreOptions options;
  options.limit_bytes = std::numeric_limits<int64_t>::max();
  const auto store = ActivationStore::Open(options).value();
  UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
  plan.shape = {int64_t{1} << 40, int64_t{1} << 20, DType::kFloat32};
  const absl::Status status = store->OpenUpload(plan).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(HasReason(status, "MEMORY_PRESSURE"));
  EXPECT_EQ(store->Stats().reserved_bytes, 0);
  EXPECT_TRUE(testing::Commit(*store, Description(Snapshot(), "fc1"), *Activations(1)).ok());
}

TEST_F(StoreFaultsTest, WhatTheDiskCouldNotHoldEmptyNeverFits) {
  options_.limit_bytes = std::numeric_limits<int64_t>::max();
  Restart();
  UploadPlan plan = Plan(Description(Snapshot(), "fc1"), 1);
  plan.shape = {int64_t{1} << 40, int64_t{1} << 20, DType::kFloat32};
  const absl::Status status = store_->OpenUpload(plan).status();
  EXPECT_TRUE(HasReason(status, "NEVER_FITS")) << status;
  EXPECT_GT(GetReason(status)->metadata.at("limit"), "0");
}

TEST_F(StoreFaultsTest, AProbeSetLeavesTheReserveOfTheDiskAlone) {
  options_.disk_reserve_bytes = 1000;
  Restart();
  ProbeSet probe_set;
  probe_set.project = "default";
  probe_set.id = "other";
  probe_set.input_ids = {std::string(5000, 'a'), std::string(5000, 'b')};
  files_.SetFreeBytes(1000 + 10'000);
  const absl::Status status = store_->CreateProbeSet(probe_set).status();
  EXPECT_TRUE(HasReason(status, "DISK_FULL")) << status;
  EXPECT_THAT(store_->ListProbeSets("default"), ::testing::IsEmpty());
  files_.SetFreeBytes(1000 + 30'000);
  EXPECT_TRUE(store_->CreateProbeSet(probe_set).ok());
}

}  // namespace
}  // namespace gramian
