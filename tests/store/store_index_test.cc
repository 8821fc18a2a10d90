#include "gramian/store/store_index.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/sample_layers.h"

namespace gramian {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

StoredLayer Layer(const SnapshotKey& snapshot, const std::string& name, int seed) {
  StoredLayer layer;
  layer.description = Description(snapshot, name);
  layer.shape = Activations(seed)->shape();
  layer.size_bytes = kLayerBytes;
  layer.digest = Activations(seed)->digest();
  return layer;
}

const absl::Time kEarly = absl::FromUnixSeconds(100);
const absl::Time kLate = absl::FromUnixSeconds(200);

TEST(StoreIndexTest, ContentGoesWithTheLastLayerThatNamesIt) {
  StoreIndex index;
  EXPECT_THAT(index.Put(Layer(Snapshot(0), "a", 1), kEarly), IsEmpty());
  EXPECT_THAT(index.Put(Layer(Snapshot(1), "a", 1), kEarly), IsEmpty());
  EXPECT_THAT(index.Put(Layer(Snapshot(1), "b", 2), kEarly), IsEmpty());
  EXPECT_EQ(index.bytes(), 2 * kLayerBytes);
  EXPECT_EQ(index.layer_count(), 3);
  EXPECT_THAT(index.Remove(Snapshot(0)), IsEmpty());
  EXPECT_THAT(index.Put(Layer(Snapshot(1), "b", 1), kEarly), ElementsAre(Activations(2)->digest()));
  EXPECT_EQ(index.FindContent(Activations(2)->digest()), nullptr);
  EXPECT_THAT(index.Remove(Snapshot(1)), ElementsAre(Activations(1)->digest()));
  EXPECT_EQ(index.bytes(), 0);
  EXPECT_EQ(index.layer_count(), 0);
  EXPECT_THAT(index.ListNetworks("default"), IsEmpty());
}

TEST(StoreIndexTest, PuttingTheSameLayerAgainKeepsItsContent) {
  StoreIndex index;
  index.Put(Layer(Snapshot(), "a", 1), kEarly);
  const auto content = index.FindContent(Activations(1)->digest());
  EXPECT_THAT(index.Put(Layer(Snapshot(), "a", 1), kEarly), IsEmpty());
  EXPECT_EQ(index.FindContent(Activations(1)->digest()), content);
  EXPECT_EQ(index.bytes(), kLayerBytes);
  EXPECT_EQ(index.layer_count(), 1);
}

TEST(StoreIndexTest, CountsTheBytesOfAProjectOncePerContent) {
  StoreIndex index;
  index.Put(Layer(Snapshot(0), "a", 1), kEarly);
  index.Put(Layer(Snapshot(1), "a", 1), kEarly);
  index.Put(Layer(Snapshot(1), "b", 2), kEarly);
  index.Put(Layer(Snapshot(0, "net", "other"), "a", 1), kEarly);
  EXPECT_EQ(index.ProjectBytes("default"), 2 * kLayerBytes);
  EXPECT_EQ(index.ProjectBytes("other"), kLayerBytes);
  EXPECT_EQ(index.bytes(), 2 * kLayerBytes);
  index.Remove(Snapshot(1));
  EXPECT_EQ(index.ProjectBytes("default"), kLayerBytes);
  index.Remove(Snapshot(0, "net", "other"));
  EXPECT_EQ(index.ProjectBytes("other"), 0);
}

TEST(StoreIndexTest, RemembersPinsAndTheLatestUse) {
  StoreIndex index;
  index.Put(Layer(Snapshot(), "a", 1), kLate);
  index.Put(Layer(Snapshot(), "b", 2), kEarly);
  index.SetUsed(Snapshot(), kEarly);
  const std::vector<SnapshotRecord> records = index.ListUnpinned();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].key, Snapshot());
  EXPECT_EQ(records[0].used, kLate);
  EXPECT_FALSE(records[0].pinned);
  index.SetPinned(Snapshot(), true);
  index.SetPinned(Snapshot(5), true);
  EXPECT_THAT(index.ListUnpinned(), IsEmpty());
  EXPECT_TRUE(index.Summarize(Snapshot())->pinned);
  EXPECT_TRUE(absl::IsNotFound(index.Summarize(Snapshot(5)).status()));
}

TEST(StoreIndexTest, KnowsWhichUsesAreNotNotedYet) {
  StoreIndex index;
  for (int step = 0; step < 3; ++step) index.Put(Layer(Snapshot(step), "a", step), kEarly);
  EXPECT_EQ(index.ListUnnoted().size(), 3U);
  index.SetNoted(index.ListUnnoted());
  EXPECT_THAT(index.ListUnnoted(), IsEmpty());
  index.SetUsed(Snapshot(1), kLate);
  index.SetUsed(Snapshot(2), kLate);
  index.SetPinned(Snapshot(2), true);
  const std::vector<SnapshotRecord> records = index.ListUnnoted();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].key, Snapshot(1));
  EXPECT_EQ(records[0].used, kLate);
  index.Remove(Snapshot(1));
  index.SetNoted(records);
  EXPECT_THAT(index.ListUnnoted(), IsEmpty());
}

TEST(StoreIndexTest, ShowsDamageInEveryLayerOfTheContent) {
  StoreIndex index;
  index.Put(Layer(Snapshot(), "a", 1), kEarly);
  index.Put(Layer(Snapshot(), "b", 1), kEarly);
  index.Put(Layer(Snapshot(), "c", 2), kEarly);
  index.FindContent(Activations(1)->digest())->damaged = true;
  const std::vector<StoredLayer> layers = index.ListLayers(Snapshot()).value();
  EXPECT_TRUE(layers[0].damaged);
  EXPECT_TRUE(layers[1].damaged);
  EXPECT_FALSE(layers[2].damaged);
  EXPECT_TRUE(index.GetLayer({Snapshot(), "a"})->damaged);
}

TEST(StoreIndexTest, KnowsWhoNamesAProbeSet) {
  StoreIndex index;
  index.Put(Layer(Snapshot(), "a", 1), kEarly);
  EXPECT_EQ(index.FindUser("default", "probes")->description.key.layer, "a");
  EXPECT_EQ(index.FindUser("default", "other"), nullptr);
  EXPECT_EQ(index.FindUser("elsewhere", "probes"), nullptr);
  ProbeSet probe_set;
  probe_set.project = "default";
  probe_set.id = "probes";
  probe_set.input_count = kRows;
  EXPECT_TRUE(index.CheckUsers(probe_set).ok());
  probe_set.input_count = kRows - 1;
  EXPECT_TRUE(absl::IsAlreadyExists(index.CheckUsers(probe_set)));
}

TEST(StoreIndexTest, ContentIsPinnedByAnySnapshotThatIs) {
  StoreIndex index;
  index.Put(Layer(Snapshot(0), "a", 1), kEarly);
  index.Put(Layer(Snapshot(0), "b", 1), kEarly);
  index.Put(Layer(Snapshot(1), "a", 1), kEarly);
  index.Put(Layer(Snapshot(1), "b", 2), kEarly);
  EXPECT_EQ(index.unpinned_bytes(), 2 * kLayerBytes);
  index.SetPinned(Snapshot(0), true);
  index.SetPinned(Snapshot(0), true);
  EXPECT_EQ(index.unpinned_bytes(), kLayerBytes);
  EXPECT_FALSE(index.HoldsUnpinned(Snapshot(0)));
  EXPECT_TRUE(index.HoldsUnpinned(Snapshot(1)));
  EXPECT_FALSE(index.HoldsUnpinned(Snapshot(2)));
  index.Put(Layer(Snapshot(0), "b", 3), kEarly);
  EXPECT_EQ(index.bytes(), 3 * kLayerBytes);
  EXPECT_EQ(index.unpinned_bytes(), kLayerBytes) << "what comes into a pinned snapshot is pinned";
  index.Put(Layer(Snapshot(1), "b", 1), kEarly);
  EXPECT_EQ(index.unpinned_bytes(), 0);
  EXPECT_FALSE(index.HoldsUnpinned(Snapshot(1)));
  index.SetPinned(Snapshot(0), false);
  EXPECT_EQ(index.unpinned_bytes(), 2 * kLayerBytes);
  index.SetPinned(Snapshot(1), true);
  index.Remove(Snapshot(0));
  index.Remove(Snapshot(1));
  EXPECT_EQ(index.bytes(), 0);
  EXPECT_EQ(index.unpinned_bytes(), 0);
}

}  // namespace
}  // namespace gramian
