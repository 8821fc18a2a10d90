#include "gramian/store/store_core.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/base/error_reason.h"
#include "gramian/store/probe_sets.h"
#include "tests/engine/threads.h"
#include "tests/store/store_test.h"

namespace gramian {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

using StoreCoreTest = StoreTest;
GRAMIAN_INSTANTIATE_STORE_TEST(StoreCoreTest);

TEST_P(StoreCoreTest, GivesBackWhatWasCommitted) {
  const absl::StatusOr<StoredLayer> committed = Commit(Description(Snapshot(3), "fc1", 7), 1);
  ASSERT_TRUE(committed.ok()) << committed.status();
  EXPECT_TRUE(Holds({Snapshot(3), "fc1"}, 1));
  const StoredLayer layer = store_->GetLayer({Snapshot(3), "fc1"}).value();
  EXPECT_EQ(layer.description, Description(Snapshot(3), "fc1", 7));
  EXPECT_EQ(layer.shape, Activations(1)->shape());
  EXPECT_EQ(layer.size_bytes, kLayerBytes);
  EXPECT_EQ(layer.create_time, committed->create_time);
  EXPECT_FALSE(layer.damaged);
  EXPECT_EQ(store_->Stats().layers, 1);
  EXPECT_EQ(store_->Stats().bytes, kLayerBytes);
  EXPECT_EQ(store_->Stats().free_disk_bytes > 0, is_durable());
}

TEST_P(StoreCoreTest, NotFoundNamesTheMissingPart) {
  MustCommit(Description(Snapshot(3), "fc1"), 1);
  const auto missing = [&](const SnapshotKey& snapshot, const std::string& layer) {
    const absl::Status status = store_->GetLayer({snapshot, layer}).status();
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    return Message(status);
  };
  EXPECT_THAT(missing(Snapshot(3, "other"), "fc1"), HasSubstr("network 'other'"));
  EXPECT_THAT(missing(Snapshot(4), "fc1"), HasSubstr("step 4"));
  EXPECT_THAT(missing(Snapshot(3), "fc2"), HasSubstr("layer 'fc2'"));
  EXPECT_TRUE(absl::IsNotFound(store_->ListLayers(Snapshot(4)).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->ListLayers(Snapshot(3, "net", "elsewhere")).status()));
}

TEST_P(StoreCoreTest, ListsLayersByOrdinalThenName) {
  for (const auto& [layer, ordinal] : {std::pair("z", 0), {"b", 2}, {"a", 2}, {"m", 1}}) {
    MustCommit(Description(Snapshot(), layer, ordinal), 1);
  }
  const std::vector<StoredLayer> layers = store_->ListLayers(Snapshot()).value();
  std::vector<std::string> names;
  for (const StoredLayer& layer : layers) {
    names.push_back(layer.description.key.layer);
  }
  EXPECT_THAT(names, ElementsAre("z", "m", "a", "b"));
}

TEST_P(StoreCoreTest, ListsNetworksAndSnapshotsAscending) {
  for (const int64_t step : {20, 3, 100}) MustCommit(Description(Snapshot(step, "b"), "fc1"), 1);
  MustCommit(Description(Snapshot(20, "b"), "fc2"), 2);
  MustCommit(Description(Snapshot(0, "a"), "fc1"), 1);
  const std::vector<SnapshotSummary> snapshots = store_->ListSnapshots("default", "b");
  ASSERT_EQ(snapshots.size(), 3U);
  EXPECT_EQ(snapshots[0].step, 3);
  EXPECT_EQ(snapshots[1].step, 20);
  EXPECT_EQ(snapshots[1].layers, 2);
  EXPECT_EQ(snapshots[1].bytes, 2 * kLayerBytes);
  EXPECT_EQ(snapshots[2].step, 100);
  EXPECT_THAT(store_->ListNetworks("default"), ElementsAre("a", "b"));
  EXPECT_THAT(store_->ListSnapshots("default", "c"), IsEmpty());
  EXPECT_THAT(store_->ListNetworks("elsewhere"), IsEmpty());
}

TEST_P(StoreCoreTest, EqualContentIsKeptOnceForAllThatNameIt) {
  MustCommit(Description(Snapshot(0), "fc1"), 1);
  MustCommit(Description(Snapshot(1), "fc1"), 1);
  MustCommit(Description(Snapshot(0, "net", "elsewhere"), "fc1"), 1);
  EXPECT_EQ(store_->Stats().layers, 3);
  EXPECT_EQ(store_->Stats().bytes, kLayerBytes);
  EXPECT_EQ(store_->ProjectBytes("default"), kLayerBytes);
  EXPECT_EQ(store_->ProjectBytes("elsewhere"), kLayerBytes);
  ASSERT_TRUE(store_->DeleteSnapshot(Snapshot(0)).ok());
  ASSERT_TRUE(store_->DeleteSnapshot(Snapshot(1)).ok());
  EXPECT_TRUE(Holds({Snapshot(0, "net", "elsewhere"), "fc1"}, 1));
  EXPECT_EQ(store_->ProjectBytes("default"), 0);
  ASSERT_TRUE(store_->DeleteSnapshot(Snapshot(0, "net", "elsewhere")).ok());
  EXPECT_EQ(store_->Stats().bytes, 0);
}

TEST_P(StoreCoreTest, DeletingGivesBytesBackAndLeavesReadersTheirData) {
  OpenFor(2);
  MustCommit(Description(Snapshot(0), "fc1"), 1);
  MustCommit(Description(Snapshot(1), "fc1"), 2);
  const StoredLayer layer = store_->GetLayer({Snapshot(0), "fc1"}).value();
  const auto held = store_->Load(layer).value();
  const absl::StatusOr<SnapshotSummary> deleted = store_->DeleteSnapshot(Snapshot(0));
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->layers, 1);
  EXPECT_EQ(deleted->bytes, kLayerBytes);
  EXPECT_EQ(testing::BytesOf(*held), testing::BytesOf(*Activations(1)));
  EXPECT_TRUE(absl::IsNotFound(store_->Load(layer).status()));
  EXPECT_EQ(store_->Stats().bytes, kLayerBytes);
  EXPECT_TRUE(absl::IsNotFound(store_->DeleteSnapshot(Snapshot(0)).status()));
  MustCommit(Description(Snapshot(2), "fc1"), 3);
}

TEST_P(StoreCoreTest, DeletingANetworkTakesAllItsSnapshotsAndNoOther) {
  for (int step = 0; step < 3; ++step) MustCommit(Description(Snapshot(step), "fc1"), step);
  MustCommit(Description(Snapshot(0, "other"), "fc1"), 1);
  const auto deleted = store_->DeleteNetwork("default", "net");
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->size(), 3U);
  EXPECT_THAT(store_->ListNetworks("default"), ElementsAre("other"));
  EXPECT_TRUE(Holds({Snapshot(0, "other"), "fc1"}, 1));
  EXPECT_EQ(store_->Stats().bytes, kLayerBytes);
  EXPECT_TRUE(absl::IsNotFound(store_->DeleteNetwork("default", "net").status()));
}

TEST_P(StoreCoreTest, RetentionTakesTheLeastRecentlyUsedUntilTheRestFits) {
  StoreOptions options;
  options.retain_bytes = 2 * kLayerBytes;
  Open(options);
  for (int step = 0; step < 4; ++step) MustCommit(Description(Snapshot(step), "fc1"), step);
  EXPECT_TRUE(Holds({Snapshot(0), "fc1"}, 0)) << "which uses it";
  const absl::StatusOr<int64_t> retired = store_->ApplyRetention(absl::Now());
  ASSERT_TRUE(retired.ok()) << retired.status();
  EXPECT_EQ(*retired, 2);
  EXPECT_EQ(store_->Stats().retired_snapshots, 2);
  EXPECT_EQ(store_->Stats().bytes, 2 * kLayerBytes);
  EXPECT_TRUE(Holds({Snapshot(0), "fc1"}, 0));
  EXPECT_TRUE(Holds({Snapshot(3), "fc1"}, 3));
  EXPECT_EQ(store_->ApplyRetention(absl::Now()).value(), 0);
}

TEST_P(StoreCoreTest, RetentionLeavesPinnedSnapshotsAndThoseWithOpenUploadsAlone) {
  StoreOptions options;
  options.retain_age = absl::Hours(1);
  Open(options);
  for (int step = 0; step < 3; ++step) MustCommit(Description(Snapshot(step), "fc1"), step);
  const absl::StatusOr<SnapshotSummary> pinned = store_->PinSnapshot(Snapshot(0), true);
  ASSERT_TRUE(pinned.ok()) << pinned.status();
  EXPECT_TRUE(pinned->pinned);
  EXPECT_TRUE(store_->ListSnapshots("default", "net")[0].pinned);
  const auto upload = MustOpen(Plan(Description(Snapshot(1), "fc2"), 7));
  EXPECT_EQ(store_->ApplyRetention(absl::Now()).value(), 0) << "nothing is old";
  EXPECT_EQ(store_->ApplyRetention(absl::Now() + absl::Hours(2)).value(), 1);
  EXPECT_TRUE(Holds({Snapshot(0), "fc1"}, 0));
  EXPECT_TRUE(Holds({Snapshot(1), "fc1"}, 1));
  EXPECT_TRUE(absl::IsNotFound(store_->GetLayer({Snapshot(2), "fc1"}).status()));
  ASSERT_TRUE(AppendRows(*upload, 7, 0, kRows).ok());
  EXPECT_TRUE(upload->Commit().ok());
  ASSERT_TRUE(store_->PinSnapshot(Snapshot(0), false).ok());
  EXPECT_EQ(store_->ApplyRetention(absl::Now() + absl::Hours(2)).value(), 2);
  EXPECT_TRUE(absl::IsNotFound(store_->PinSnapshot(Snapshot(0), true).status()));
}

ProbeSet Probes(const std::vector<std::string>& ids, const std::string& id = "probes") {
  ProbeSet probe_set;
  probe_set.project = "default";
  probe_set.id = id;
  probe_set.input_ids = ids;
  return probe_set;
}

std::vector<std::string> Ids() {
  std::vector<std::string> ids;
  for (int64_t i = 0; i < kRows; ++i) ids.push_back(absl::StrCat("image", i));
  return ids;
}

TEST_P(StoreCoreTest, KeepsProbeSetsWithTheirIds) {
  const absl::StatusOr<ProbeSet> created = store_->CreateProbeSet(Probes(Ids()));
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->input_count, kRows);
  EXPECT_EQ(created->input_ids_digest, DigestOfInputIds(Ids()));
  ProbeSet counted = Probes({}, "counted");
  counted.input_count = 3;
  ASSERT_TRUE(store_->CreateProbeSet(counted).ok());
  const absl::StatusOr<ProbeSet> found = store_->GetProbeSet("default", "probes");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->input_ids, Ids());
  EXPECT_EQ(found->create_time, created->create_time);
  ASSERT_EQ(store_->ListProbeSets("default").size(), 2U);
  EXPECT_EQ(store_->ListProbeSets("default")[0].id, "counted");
  EXPECT_THAT(store_->ListProbeSets("elsewhere"), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(store_->GetProbeSet("default", "other").status()));
}

TEST_P(StoreCoreTest, TheSameProbeSetAgainIsFineAndAnotherOrderIsNot) {
  ASSERT_TRUE(store_->CreateProbeSet(Probes(Ids())).ok());
  EXPECT_TRUE(store_->CreateProbeSet(Probes(Ids())).ok());
  std::vector<std::string> ids = Ids();
  std::swap(ids[3], ids[4]);
  const absl::Status order = store_->CreateProbeSet(Probes(ids)).status();
  EXPECT_TRUE(absl::IsAlreadyExists(order)) << order;
  EXPECT_THAT(Message(order), AllOf(HasSubstr("'image3' as input 3"), HasSubstr("'image4'")));
  ids.pop_back();
  const absl::Status count = store_->CreateProbeSet(Probes(ids)).status();
  EXPECT_TRUE(absl::IsAlreadyExists(count)) << count;
  EXPECT_THAT(Message(count), HasSubstr("10 inputs, not 9"));
}

TEST_P(StoreCoreTest, AProbeSetMustFitTheLayersThatNameIt) {
  MustCommit(Description(Snapshot(), "fc1"), 1);
  ProbeSet probe_set = Probes({});
  probe_set.input_count = kRows + 1;
  const absl::Status status = store_->CreateProbeSet(probe_set).status();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  EXPECT_THAT(Message(status), AllOf(HasSubstr("layer 'fc1'"), HasSubstr("10 inputs, not 11")));
  probe_set.input_count = kRows;
  EXPECT_TRUE(store_->CreateProbeSet(probe_set).ok());
}

TEST_P(StoreCoreTest, AProbeSetInUseIsNotDeleted) {
  ASSERT_TRUE(store_->CreateProbeSet(Probes(Ids())).ok());
  const auto upload = MustOpen(Plan(Description(Snapshot(), "fc1"), 1));
  const absl::Status open = store_->DeleteProbeSet("default", "probes");
  EXPECT_TRUE(absl::IsFailedPrecondition(open)) << open;
  EXPECT_THAT(Message(open), HasSubstr("open upload"));
  ASSERT_TRUE(AppendRows(*upload, 1, 0, kRows).ok());
  ASSERT_TRUE(upload->Commit().ok());
  const absl::Status used = store_->DeleteProbeSet("default", "probes");
  EXPECT_TRUE(absl::IsFailedPrecondition(used)) << used;
  EXPECT_THAT(Message(used), HasSubstr("layer 'fc1' of snapshot net@0"));
  ASSERT_TRUE(store_->DeleteSnapshot(Snapshot()).ok());
  EXPECT_TRUE(store_->DeleteProbeSet("default", "probes").ok());
  EXPECT_TRUE(absl::IsNotFound(store_->DeleteProbeSet("default", "probes")));
}

TEST_P(StoreCoreTest, SixteenThreadsThatCommitAndDeleteKeepTheBooks) {
  OpenFor(20);
  RunInThreads(16, [&](int i) {
    for (int round = 0; round < 20; ++round) {
      const LayerDescription description = Description(Snapshot(i), absl::StrCat("fc", round));
      const absl::StatusOr<StoredLayer> layer = Commit(description, round % 5);
      EXPECT_TRUE(layer.ok() || HasReason(layer.status(), "MEMORY_PRESSURE")) << layer.status();
      EXPECT_LE(store_->Stats().bytes, 20 * kLayerBytes);
      if (layer.ok()) {
        EXPECT_TRUE(Holds(description.key, round % 5));
      }
      if (round % 7 == 0) (void)store_->DeleteSnapshot(Snapshot(i));
    }
  });
  EXPECT_EQ(store_->Stats().reserved_bytes, 0);
  EXPECT_EQ(store_->Stats().uploads, 0);
  (void)store_->DeleteNetwork("default", "net");
  EXPECT_EQ(store_->Stats().bytes, 0);
  EXPECT_EQ(store_->Stats().layers, 0);
}

TEST_P(StoreCoreTest, ProbeSetsCountAgainstTheLimitOfTheStore) {
  const int64_t size = KeptBytes(Probes(Ids(), "a"));
  StoreOptions options;
  options.limit_bytes = 2 * size + kLayerBytes;
  Open(options);
  ASSERT_TRUE(store_->CreateProbeSet(Probes(Ids(), "a")).ok());
  ASSERT_TRUE(store_->CreateProbeSet(Probes(Ids(), "b")).ok());
  EXPECT_EQ(store_->ProjectBytes("default"), 2 * size);
  EXPECT_EQ(store_->MemoryBytes(), 2 * size);
  const absl::Status full = store_->CreateProbeSet(Probes(Ids(), "c")).status();
  EXPECT_TRUE(HasReason(full, "MEMORY_PRESSURE")) << full;
  EXPECT_TRUE(absl::IsNotFound(store_->GetProbeSet("default", "c").status()));
  EXPECT_TRUE(store_->CreateProbeSet(Probes(Ids(), "a")).ok()) << "it is there";
  MustCommit(Description(Snapshot(), "fc1"), 1);
  EXPECT_TRUE(HasReason(Commit(Description(Snapshot(), "fc2"), 2).status(), "MEMORY_PRESSURE"));
  EXPECT_EQ(store_->MemoryBytes(), 2 * size + (is_durable() ? 0 : kLayerBytes));
  Open(options);
  EXPECT_EQ(store_->ProjectBytes("default"), is_durable() ? 2 * size + kLayerBytes : 0);
  (void)store_->DeleteProbeSet("default", "a");
  (void)store_->DeleteProbeSet("default", "b");
  EXPECT_EQ(store_->Stats().reserved_bytes, 0);
  EXPECT_EQ(store_->MemoryBytes(), 0);
}

TEST_P(StoreCoreTest, ProbeSetsHaveALimitOfTheirOwn) {
  const int64_t size = KeptBytes(Probes(Ids(), "a"));
  StoreOptions options;
  options.probe_set_limit_bytes = 2 * size - 1;
  Open(options);
  ASSERT_TRUE(store_->CreateProbeSet(Probes(Ids(), "a")).ok());
  const absl::Status full = store_->CreateProbeSet(Probes(Ids(), "b")).status();
  EXPECT_TRUE(HasReason(full, "MEMORY_PRESSURE")) << full;
  MustCommit(Description(Snapshot(), "fc1"), 1);
  options.probe_set_limit_bytes = size - 1;
  Open(options);
  if (is_durable()) {
    EXPECT_TRUE(store_->GetProbeSet("default", "a").ok()) << "what is there stays";
    ASSERT_TRUE(store_->DeleteSnapshot(Snapshot()).ok());
    ASSERT_TRUE(store_->DeleteProbeSet("default", "a").ok());
  }
  const absl::Status never = store_->CreateProbeSet(Probes(Ids(), "a")).status();
  EXPECT_TRUE(HasReason(never, "NEVER_FITS")) << never;
}

TEST_P(StoreCoreTest, PinnedBytesDoNotCountAgainstRetention) {
  StoreOptions options;
  options.retain_bytes = kLayerBytes;
  Open(options);
  for (int step = 0; step < 3; ++step) {
    MustCommit(Description(Snapshot(step), "fc1"), step);
    ASSERT_TRUE(store_->PinSnapshot(Snapshot(step), true).ok());
  }
  MustCommit(Description(Snapshot(3), "fc1"), 3);
  EXPECT_EQ(store_->ApplyRetention(absl::Now()).value(), 0);
  EXPECT_TRUE(Holds({Snapshot(3), "fc1"}, 3)) << "one layer is within the limit";
  // The content of a pinned one costs nothing, and deleting it would free nothing.
  MustCommit(Description(Snapshot(4), "fc1"), 0);
  EXPECT_EQ(store_->ApplyRetention(absl::Now()).value(), 0);
  MustCommit(Description(Snapshot(5), "fc1"), 5);
  EXPECT_EQ(store_->ApplyRetention(absl::Now()).value(), 1);
  EXPECT_TRUE(absl::IsNotFound(store_->GetLayer({Snapshot(3), "fc1"}).status()));
  EXPECT_TRUE(Holds({Snapshot(4), "fc1"}, 0));
  ASSERT_TRUE(store_->PinSnapshot(Snapshot(1), false).ok());
  EXPECT_EQ(store_->ApplyRetention(absl::Now()).value(), 1) << "unpinned it counts";
}

}  // namespace
}  // namespace gramian
