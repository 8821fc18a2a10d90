#include "gramian/engine/activation_store.h"

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/threads.h"

namespace gramian {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kLayerBytes = 10 * 5 * 4;

// A 10 x 5 float32 representation, kLayerBytes large, that differs with `seed`.
std::shared_ptr<const Representation> Activations(float seed) {
  MatrixF matrix(10, 5);
  for (Index i = 0; i < matrix.size(); ++i) matrix.data()[i] = seed + static_cast<float>(i);
  return Representation::FromMatrix(matrix).value();
}

LayerDescription Description(int64_t step, const std::string& layer, int64_t ordinal = 0,
                             const std::string& network = "net") {
  return {{{"default", network, step}, layer}, "", "probes", "none", ordinal};
}

std::unique_ptr<ActivationStore> NewStore(int64_t limit_bytes, int64_t layers_per_snapshot = 100) {
  return NewMemoryActivationStore({limit_bytes, layers_per_snapshot});
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

absl::Status Commit(ActivationStore& store, const LayerDescription& description, float seed,
                    OnConflict on_conflict = OnConflict::kReject) {
  return store.Commit(description, Activations(seed), on_conflict).status();
}

TEST(ActivationStoreTest, GivesBackWhatWasCommitted) {
  const auto store = NewStore(kLayerBytes);
  const auto activations = Activations(1.0F);
  ASSERT_TRUE(store->Commit(Description(3, "fc1", 7), activations, OnConflict::kReject).ok());
  const absl::StatusOr<StoredLayer> layer = store->GetLayer({{"default", "net", 3}, "fc1"});
  ASSERT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(layer->representation, activations);
  EXPECT_EQ(layer->description.ordinal, 7);
  EXPECT_EQ(layer->description.probe_set, "probes");
  EXPECT_EQ(store->Stats().layers, 1);
  EXPECT_EQ(store->Stats().bytes, kLayerBytes);
}

TEST(ActivationStoreTest, NotFoundNamesTheMissingPart) {
  const auto store = NewStore(10 * kLayerBytes);
  ASSERT_TRUE(Commit(*store, Description(3, "fc1"), 1.0F).ok());
  const auto missing = [&](const std::string& network, int64_t step, const std::string& layer) {
    const absl::Status status = store->GetLayer({{"default", network, step}, layer}).status();
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    return Message(status);
  };
  EXPECT_THAT(missing("other", 3, "fc1"), HasSubstr("network 'other'"));
  EXPECT_THAT(missing("net", 4, "fc1"), HasSubstr("step 4"));
  EXPECT_THAT(missing("net", 3, "fc2"), HasSubstr("layer 'fc2'"));
  EXPECT_TRUE(absl::IsNotFound(store->ListLayers({"default", "net", 4}).status()));
  EXPECT_TRUE(absl::IsNotFound(store->ListLayers({"elsewhere", "net", 3}).status()));
}

TEST(ActivationStoreTest, ListsLayersByOrdinalThenName) {
  const auto store = NewStore(10 * kLayerBytes);
  for (const auto& [layer, ordinal] : {std::pair("z", 0), {"b", 2}, {"a", 2}, {"m", 1}}) {
    ASSERT_TRUE(Commit(*store, Description(0, layer, ordinal), 1.0F).ok());
  }
  const absl::StatusOr<std::vector<StoredLayer>> layers = store->ListLayers({"default", "net", 0});
  ASSERT_TRUE(layers.ok()) << layers.status();
  std::vector<std::string> names;
  for (const StoredLayer& layer : *layers) {
    names.push_back(layer.description.key.layer);
  }
  EXPECT_THAT(names, ElementsAre("z", "m", "a", "b"));
}

TEST(ActivationStoreTest, ListsNetworksAndStepsAscending) {
  const auto store = NewStore(10 * kLayerBytes);
  for (const int64_t step : {20, 3, 100}) {
    ASSERT_TRUE(Commit(*store, Description(step, "fc1", 0, "b"), 1.0F).ok());
  }
  ASSERT_TRUE(Commit(*store, Description(0, "fc1", 0, "a"), 1.0F).ok());
  EXPECT_THAT(store->ListSteps("default", "b"), ElementsAre(3, 20, 100));
  EXPECT_THAT(store->ListNetworks("default"), ElementsAre("a", "b"));
  EXPECT_THAT(store->ListSteps("default", "c"), IsEmpty());
  EXPECT_THAT(store->ListNetworks("elsewhere"), IsEmpty());
}

TEST(ActivationStoreTest, EqualContentAgainIsOkAndGivesTheEarlierLayer) {
  const auto store = NewStore(kLayerBytes);
  const auto first = Activations(1.0F);
  ASSERT_TRUE(store->Commit(Description(0, "fc1"), first, OnConflict::kReject).ok());
  for (const OnConflict on_conflict : {OnConflict::kReject, OnConflict::kReplace}) {
    const absl::StatusOr<StoredLayer> again =
        store->Commit(Description(0, "fc1"), Activations(1.0F), on_conflict);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->representation, first);
  }
  EXPECT_EQ(store->Stats().bytes, kLayerBytes);
}

TEST(ActivationStoreTest, EqualContentWithAnotherDescriptionIsRejectedByNamingIt) {
  const auto store = NewStore(kLayerBytes);
  ASSERT_TRUE(Commit(*store, Description(0, "fc1"), 1.0F).ok());
  const auto rejection = [&](auto change) {
    LayerDescription description = Description(0, "fc1");
    change(description);
    const absl::Status status = Commit(*store, description, 1.0F);
    EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
    return Message(status);
  };
  EXPECT_EQ(rejection([](LayerDescription& d) { d.ordinal = 5; }),
            "layer 'fc1' of snapshot net@0 exists with ordinal 0, not 5");
  EXPECT_THAT(rejection([](LayerDescription& d) { d.probe_set = "other"; }),
              HasSubstr("probe set 'probes', not 'other'"));
  EXPECT_THAT(rejection([](LayerDescription& d) { d.reduction = "mean"; }),
              HasSubstr("reduction 'none', not 'mean'"));
  EXPECT_THAT(rejection([](LayerDescription& d) { d.module_path = "m.fc1"; }),
              HasSubstr("module path '', not 'm.fc1'"));
  EXPECT_EQ(store->GetLayer({{"default", "net", 0}, "fc1"})->description.ordinal, 0);
}

TEST(ActivationStoreTest, ReplacingOnlyTheDescriptionKeepsTheRepresentation) {
  const auto store = NewStore(kLayerBytes);
  const auto first = Activations(1.0F);
  ASSERT_TRUE(store->Commit(Description(0, "fc1"), first, OnConflict::kReject).ok());
  // What is there already, and a copy of it.
  for (const auto& content : {first, Activations(1.0F)}) {
    LayerDescription description = Description(0, "fc1", content == first ? 5 : 6);
    description.probe_set = "other";
    ASSERT_TRUE(store->Commit(description, content, OnConflict::kReplace).ok());
    const absl::StatusOr<StoredLayer> layer = store->GetLayer({{"default", "net", 0}, "fc1"});
    ASSERT_TRUE(layer.ok()) << layer.status();
    EXPECT_EQ(layer->representation, first);
    EXPECT_EQ(layer->description.ordinal, description.ordinal);
    EXPECT_EQ(layer->description.probe_set, "other");
  }
  EXPECT_EQ(store->Stats().bytes, kLayerBytes);
  EXPECT_EQ(store->Stats().layers, 1);
}

TEST(ActivationStoreTest, OtherContentIsRejectedUnlessReplacementIsAskedFor) {
  const auto store = NewStore(kLayerBytes);
  ASSERT_TRUE(Commit(*store, Description(0, "fc1"), 1.0F).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Commit(*store, Description(0, "fc1"), 2.0F)));
  EXPECT_EQ(store->GetLayer({{"default", "net", 0}, "fc1"})->representation->digest(),
            Activations(1.0F)->digest());
  // The replaced layer makes room for its successor.
  EXPECT_TRUE(Commit(*store, Description(0, "fc1"), 2.0F, OnConflict::kReplace).ok());
  EXPECT_EQ(store->GetLayer({{"default", "net", 0}, "fc1"})->representation->digest(),
            Activations(2.0F)->digest());
  EXPECT_EQ(store->Stats().bytes, kLayerBytes);
  EXPECT_EQ(store->Stats().layers, 1);
}

TEST(ActivationStoreTest, ReservationsAreGrantedUpToTheLimitAndNotBeyond) {
  const auto store = NewStore(100);
  EXPECT_TRUE(store->Reserve(60).ok());
  EXPECT_TRUE(store->Reserve(40).ok());
  const absl::Status pressure = store->Reserve(1);
  EXPECT_TRUE(absl::IsResourceExhausted(pressure));
  EXPECT_THAT(Message(pressure), testing::StartsWith("MEMORY_PRESSURE"));
  const absl::Status never = store->Reserve(101);
  EXPECT_TRUE(absl::IsResourceExhausted(never));
  EXPECT_THAT(Message(never), testing::StartsWith("NEVER_FITS"));
  EXPECT_THAT(Message(never), testing::AllOf(HasSubstr("101"), HasSubstr("100")));
  EXPECT_EQ(store->Stats().reserved_bytes, 100);
  store->Release(60);
  EXPECT_TRUE(store->Reserve(60).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(store->Reserve(-1)));
}

TEST(ActivationStoreTest, AReservationIsRoomForItsOwnCommit) {
  const auto store = NewStore(2 * kLayerBytes);
  for (const char* layer : {"fc1", "fc2"}) {
    ASSERT_TRUE(store->Reserve(kLayerBytes).ok());
    ASSERT_TRUE(Commit(*store, Description(0, layer), 1.0F).ok());
    store->Release(kLayerBytes);
  }
  EXPECT_EQ(store->Stats().bytes, 2 * kLayerBytes);
  EXPECT_EQ(store->Stats().reserved_bytes, 0);
  EXPECT_TRUE(absl::IsResourceExhausted(store->Reserve(1)));
}

TEST(ActivationStoreTest, CommitsUpToTheLimitAndNotBeyond) {
  const auto exact = NewStore(2 * kLayerBytes);
  EXPECT_TRUE(Commit(*exact, Description(0, "fc1"), 1.0F).ok());
  EXPECT_TRUE(Commit(*exact, Description(0, "fc2"), 1.0F).ok());
  const auto short_by_one = NewStore(2 * kLayerBytes - 1);
  EXPECT_TRUE(Commit(*short_by_one, Description(0, "fc1"), 1.0F).ok());
  const absl::Status full = Commit(*short_by_one, Description(0, "fc2"), 1.0F);
  EXPECT_TRUE(absl::IsResourceExhausted(full));
  EXPECT_THAT(Message(full), testing::StartsWith("MEMORY_PRESSURE"));
  const auto tiny = NewStore(kLayerBytes - 1);
  EXPECT_THAT(Message(Commit(*tiny, Description(0, "fc1"), 1.0F)),
              testing::StartsWith("NEVER_FITS"));
}

TEST(ActivationStoreTest, ASnapshotHoldsItsLimitOfLayersAndNoMore) {
  const auto store = NewStore(10 * kLayerBytes, /*layers_per_snapshot=*/2);
  EXPECT_TRUE(Commit(*store, Description(0, "fc1"), 1.0F).ok());
  EXPECT_TRUE(Commit(*store, Description(0, "fc2"), 1.0F).ok());
  const absl::Status status = Commit(*store, Description(0, "fc3"), 1.0F);
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(Message(status), HasSubstr("limit of 2 layers"));
  EXPECT_TRUE(Commit(*store, Description(1, "fc3"), 1.0F).ok()) << "another snapshot has room";
  EXPECT_TRUE(Commit(*store, Description(0, "fc2"), 2.0F, OnConflict::kReplace).ok());
}

TEST(ActivationStoreTest, DeletingASnapshotGivesItsBytesBackAndLeavesReadersTheirData) {
  const auto store = NewStore(2 * kLayerBytes);
  ASSERT_TRUE(Commit(*store, Description(0, "fc1"), 1.0F).ok());
  ASSERT_TRUE(Commit(*store, Description(1, "fc1"), 1.0F).ok());
  const auto held = store->GetLayer({{"default", "net", 0}, "fc1"})->representation;
  EXPECT_TRUE(store->DeleteSnapshot({"default", "net", 0}).ok());
  EXPECT_EQ(held->rows(), 10);
  EXPECT_EQ(store->Stats().bytes, kLayerBytes);
  EXPECT_EQ(store->Stats().layers, 1);
  EXPECT_THAT(store->ListSteps("default", "net"), ElementsAre(1));
  EXPECT_TRUE(absl::IsNotFound(store->DeleteSnapshot({"default", "net", 0})));
  EXPECT_TRUE(store->DeleteSnapshot({"default", "net", 1}).ok());
  EXPECT_THAT(store->ListNetworks("default"), IsEmpty());
}

TEST(ActivationStoreTest, SixteenUploadersNeverExceedTheBudgetTogether) {
  constexpr int64_t kLimit = 20 * kLayerBytes;
  const auto store = NewStore(kLimit);
  std::atomic<int> committed{0};
  RunInThreads(16, [&](int i) {
    for (int round = 0; round < 50; ++round) {
      if (!store->Reserve(kLayerBytes).ok()) continue;
      const absl::Status status =
          Commit(*store, Description(i, absl::StrCat("layer", round)), static_cast<float>(i));
      store->Release(kLayerBytes);
      EXPECT_TRUE(status.ok()) << status;
      if (status.ok()) ++committed;
      EXPECT_LE(store->Stats().bytes, kLimit);
      if (round % 7 == 0) (void)store->DeleteSnapshot({"default", "net", i});
    }
  });
  EXPECT_GT(committed, 0);
  EXPECT_EQ(store->Stats().reserved_bytes, 0);
}

}  // namespace
}  // namespace gramian
