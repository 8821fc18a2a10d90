#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gramian/base/error_reason.h"
#include "gramian/store/activation_store.h"
#include "gtest/gtest.h"
#include "tests/store/sample_layers.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

using testing::FileOperation;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Every file below a folder with its content; SQLite's own are left out.
std::map<std::string, std::string> FilesIn(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    files[std::filesystem::relative(entry.path(), folder).string()] =
        std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return files;
}

class BackupTest : public ::testing::Test {
 protected:
  BackupTest() {
    std::filesystem::create_directory(directory_.path() + "/backups");
    store_ = Open(directory_.path() + "/data");
  }

  std::unique_ptr<ActivationStore> Open(const std::string& path) {
    StoreOptions options;
    options.data_dir = path;
    options.files = &files_;
    options.on_damage = [this](const absl::Status& what) { damage_.emplace_back(what.message()); };
    absl::StatusOr<std::unique_ptr<ActivationStore>> store = ActivationStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  std::string Place(const std::string& name) { return directory_.path() + "/backups/" + name; }
  absl::StatusOr<BackupSummary> Backup(const std::string& name) {
    return store_->Backup(Place(name), std::stop_token());
  }
  void MustCommit(int64_t step, int seed) {
    ASSERT_TRUE(
        testing::Commit(*store_, Description(Snapshot(step), "fc"), *Activations(seed)).ok());
  }
  // Whether the layer is Activations(seed), bit for bit.
  static bool Holds(ActivationStore& store, int64_t step, int seed) {
    const absl::StatusOr<StoredLayer> layer = store.GetLayer({Snapshot(step), "fc"});
    if (!layer.ok()) return false;
    const auto loaded = store.Load(*layer);
    return loaded.ok() && testing::BytesOf(**loaded) == testing::BytesOf(*Activations(seed));
  }
  // Nothing of a backup that did not come about is left.
  void ExpectNothingLeft() {
    EXPECT_TRUE(std::filesystem::is_empty(directory_.path() + "/backups"));
    EXPECT_FALSE(std::filesystem::exists(directory_.path() + "/data/backup.partial"));
  }

  const testing::TemporaryDirectory directory_;
  testing::FaultyFileSystem files_;
  std::vector<std::string> damage_;
  std::unique_ptr<ActivationStore> store_;
};

TEST_F(BackupTest, IsADataDirectoryWithEverythingInIt) {
  for (int i = 0; i < 5; ++i) MustCommit(i, i);
  MustCommit(5, 0);  // shares content
  ASSERT_TRUE(store_->PinSnapshot(Snapshot(3), true).ok());
  ProbeSet probe_set;
  probe_set.project = "default";
  probe_set.id = "digits";
  probe_set.input_ids = {"a", "b"};
  ASSERT_TRUE(store_->CreateProbeSet(probe_set).ok());
  const absl::StatusOr<BackupSummary> summary = Backup("one");
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->layers, 6);
  EXPECT_EQ(summary->contents, 5);
  EXPECT_EQ(summary->bytes, 5 * kLayerBytes);
  EXPECT_TRUE(summary->is_linked);

  const auto restored = Open(Place("one"));
  ASSERT_NE(restored, nullptr);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Holds(*restored, i, i)) << i;
  EXPECT_TRUE(Holds(*restored, 5, 0));
  EXPECT_TRUE(restored->ListSnapshots("default", "net")[3].pinned);
  EXPECT_EQ(restored->GetProbeSet("default", "digits")->input_ids, probe_set.input_ids);
  EXPECT_THAT(damage_, IsEmpty());
}

TEST_F(BackupTest, WhatComesLaterOrGoesLaterDoesNotTouchIt) {
  MustCommit(0, 0);
  MustCommit(1, 1);
  ASSERT_TRUE(Backup("one").ok());
  const std::map<std::string, std::string> before = FilesIn(Place("one"));
  MustCommit(2, 2);
  ASSERT_TRUE(store_->DeleteSnapshot(Snapshot(0)).ok());
  EXPECT_EQ(FilesIn(Place("one")), before);
  const auto restored = Open(Place("one"));
  EXPECT_TRUE(Holds(*restored, 0, 0));
  EXPECT_FALSE(restored->GetLayer({Snapshot(2), "fc"}).ok());
}

TEST_F(BackupTest, OthersMayAddToItAndTheirFailureEndsIt) {
  MustCommit(1, 1);
  const auto add = [](const std::string& folder) {
    std::ofstream(folder + "/more.db") << "more";
    return absl::OkStatus();
  };
  ASSERT_TRUE(store_->Backup(Place("one"), std::stop_token(), add).ok());
  EXPECT_EQ(FilesIn(Place("one")).at("more.db"), "more");
  const absl::Status failed =
      store_
          ->Backup(Place("two"), std::stop_token(),
                   [](const std::string&) { return absl::UnavailableError("busy"); })
          .status();
  EXPECT_EQ(failed, absl::UnavailableError("busy"));
  EXPECT_FALSE(std::filesystem::exists(Place("two")));
}

TEST_F(BackupTest, IsCopiedWhereLinksCannotBe) {
  for (int i = 0; i < 5; ++i) MustCommit(i, i);
  // Two tries each for the staging folder, as the folder of two digits is made in between; then the
  // first for the backup.
  files_.FailOnce(FileOperation::kLink, absl::UnimplementedError("another file system"), 10);
  const absl::StatusOr<BackupSummary> summary = Backup("one");
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_FALSE(summary->is_linked);
  const auto restored = Open(Place("one"));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(Holds(*restored, i, i)) << i;
}

TEST_F(BackupTest, OpenUploadsAreLeftOutAndGoOn) {
  const auto upload = store_->OpenUpload(Plan(Description(Snapshot(7), "fc"), 7)).value();
  ASSERT_TRUE(AppendRows(*upload, 7, 0, kRows / 2).ok());
  ASSERT_TRUE(upload->Persist().ok());
  ASSERT_TRUE(Backup("one").ok());
  ASSERT_TRUE(AppendRows(*upload, 7, kRows / 2, kRows / 2).ok());
  ASSERT_TRUE(upload->Commit().ok());
  EXPECT_TRUE(Holds(*store_, 7, 7));
  const auto restored = Open(Place("one"));
  EXPECT_EQ(restored->Stats().uploads, 0);
  EXPECT_EQ(restored->Stats().layers, 0);
  EXPECT_THAT(damage_, IsEmpty());
}

TEST_F(BackupTest, OfABusyStoreHoldsAllThatWasAcknowledgedBefore) {
  std::atomic<bool> stop{false};
  std::atomic<int> acknowledged[3] = {-1, -1, -1};
  std::vector<std::thread> clients;
  for (int client = 0; client < 3; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; !stop && i < 10'000; ++i) {
        const SnapshotKey snapshot = Snapshot(i, std::to_string(client));
        if (!testing::Commit(*store_, Description(snapshot, "fc"), *Activations(i % 50)).ok())
          return;
        acknowledged[client] = i;
        // Contents come and go while they are linked.
        if (i % 3 == 2) (void)store_->DeleteSnapshot(Snapshot(i - 1, std::to_string(client)));
      }
    });
  }
  for (int round = 0; round < 5; ++round) {
    while (acknowledged[0] < 10 * round) std::this_thread::yield();
    int before[3];
    for (int client = 0; client < 3; ++client) before[client] = acknowledged[client];
    const std::string name = std::to_string(round);
    const absl::StatusOr<BackupSummary> summary = Backup(name);
    ASSERT_TRUE(summary.ok()) << summary.status();
    const auto restored = Open(Place(name));
    ASSERT_NE(restored, nullptr);
    for (int client = 0; client < 3; ++client) {
      for (int i = 0; i <= before[client]; ++i) {
        const auto layer = restored->GetLayer({Snapshot(i, std::to_string(client)), "fc"});
        if (!layer.ok() && i % 3 == 1) continue;  // deleted
        ASSERT_TRUE(layer.ok()) << layer.status();
        const auto loaded = restored->Load(*layer);
        ASSERT_TRUE(loaded.ok()) << loaded.status();
        EXPECT_EQ(testing::BytesOf(**loaded), testing::BytesOf(*Activations(i % 50)));
      }
    }
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_THAT(damage_, IsEmpty());
}

TEST_F(BackupTest, APlaceThatIsTakenIsLeftAlone) {
  MustCommit(0, 0);
  ASSERT_TRUE(Backup("one").ok());
  const std::map<std::string, std::string> before = FilesIn(Place("one"));
  EXPECT_TRUE(absl::IsAlreadyExists(Backup("one").status()));
  EXPECT_EQ(FilesIn(Place("one")), before);
}

TEST_F(BackupTest, AnyFailureLeavesNothingBehindAndTheStoreGoesOn) {
  for (int i = 0; i < 3; ++i) MustCommit(i, i);
  const struct {
    FileOperation operation;
    int64_t skip;
  } faults[] = {{FileOperation::kLink, 0},   {FileOperation::kLink, 4},
                {FileOperation::kRename, 0}, {FileOperation::kSyncDirectory, 0},
                {FileOperation::kList, 1},   {FileOperation::kCreateDirectories, 0}};
  for (const auto& fault : faults) {
    files_.FailOnce(fault.operation, DiskFull("no space", 1, 0), fault.skip);
    EXPECT_TRUE(HasReason(Backup("one").status(), "DISK_FULL"));
    ExpectNothingLeft();
  }
  EXPECT_TRUE(Backup("one").ok());
  MustCommit(9, 9);
}

TEST_F(BackupTest, ACancelledOneLeavesNothingBehind) {
  MustCommit(0, 0);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(store_->Backup(Place("one"), stop.get_token()).status()));
  ExpectNothingLeft();
}

TEST_F(BackupTest, WhatAKilledOneLeftIsClearedAway) {
  MustCommit(0, 0);
  for (const std::string& folder :
       {directory_.path() + "/data/backup.partial", Place(".one.partial")}) {
    std::filesystem::create_directories(folder + "/blobs");
    std::ofstream(folder + "/gramian.db") << "half";
  }
  ASSERT_TRUE(Backup("one").ok());
  EXPECT_TRUE(Holds(*Open(Place("one")), 0, 0));
  EXPECT_FALSE(std::filesystem::exists(Place(".one.partial")));
}

TEST_F(BackupTest, AFileThatIsMissingIsNamedAndTheRestIsKept) {
  MustCommit(0, 0);
  MustCommit(1, 1);
  const std::string hex = Activations(0)->digest().ToHex();
  std::filesystem::remove(directory_.path() + "/data/blobs/" + hex.substr(0, 2) + "/" + hex +
                          ".safetensors");
  const absl::StatusOr<BackupSummary> summary = Backup("one");
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->contents, 1);
  ASSERT_EQ(damage_.size(), 1U);
  EXPECT_THAT(damage_[0], HasSubstr(hex));
  EXPECT_TRUE(Holds(*Open(Place("one")), 1, 1));
}

TEST(BackupInMemoryTest, ThereIsNone) {
  const testing::TemporaryDirectory directory;
  const auto store = ActivationStore::Open(StoreOptions()).value();
  EXPECT_TRUE(absl::IsFailedPrecondition(
      store->Backup(directory.path() + "/one", std::stop_token()).status()));
}

}  // namespace
}  // namespace gramian
