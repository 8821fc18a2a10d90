// A store in both of its modes.
#ifndef GRAMIAN_TESTS_STORE_STORE_TEST_H_
#define GRAMIAN_TESTS_STORE_STORE_TEST_H_

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gramian/store/activation_store.h"
#include "gtest/gtest.h"
#include "tests/store/sample_layers.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {

// Runs each of its tests with a store in memory and with one in a directory.
class StoreTest : public ::testing::TestWithParam<bool> {
 protected:
  StoreTest() { Open(StoreOptions()); }

  bool is_durable() const { return GetParam(); }

  // Closes the store, if there is one, and opens one with these options and the test's directory.
  void Open(StoreOptions options) {
    store_.reset();
    if (is_durable()) options.data_dir = directory_.path() + "/data";
    absl::StatusOr<std::unique_ptr<ActivationStore>> store = ActivationStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  // Makes the limit of bytes so many layers.
  void OpenFor(int64_t layers) {
    StoreOptions options;
    options.limit_bytes = layers * kLayerBytes;
    Open(options);
  }

  absl::StatusOr<StoredLayer> Commit(const LayerDescription& description, int seed,
                                     OnConflict on_conflict = OnConflict::kReject) {
    return testing::Commit(*store_, description, *Activations(seed), on_conflict);
  }
  void MustCommit(const LayerDescription& description, int seed,
                  OnConflict on_conflict = OnConflict::kReject) {
    const absl::StatusOr<StoredLayer> layer = Commit(description, seed, on_conflict);
    ASSERT_TRUE(layer.ok()) << layer.status();
  }
  std::shared_ptr<Upload> MustOpen(const UploadPlan& plan) {
    absl::StatusOr<std::shared_ptr<Upload>> upload = store_->OpenUpload(plan);
    EXPECT_TRUE(upload.ok()) << upload.status();
    return upload.ok() ? *std::move(upload) : nullptr;
  }
  // Whether the layer is there and is Activations(seed), bit for bit.
  ::testing::AssertionResult Holds(const LayerKey& key, int seed) {
    const absl::StatusOr<StoredLayer> layer = store_->GetLayer(key);
    if (!layer.ok()) return ::testing::AssertionFailure() << layer.status();
    const auto loaded = store_->Load(*layer);
    if (!loaded.ok()) return ::testing::AssertionFailure() << loaded.status();
    if (testing::BytesOf(**loaded) != testing::BytesOf(*Activations(seed))) {
      return ::testing::AssertionFailure() << "other bytes";
    }
    if ((*loaded)->digest() != Activations(seed)->digest() ||
        layer->digest != (*loaded)->digest()) {
      return ::testing::AssertionFailure() << "other digest";
    }
    return ::testing::AssertionSuccess();
  }

  const testing::TemporaryDirectory directory_;
  std::unique_ptr<ActivationStore> store_;
};

#define GRAMIAN_INSTANTIATE_STORE_TEST(suite)               \
  INSTANTIATE_TEST_SUITE_P(Modes, suite, ::testing::Bool(), \
                           [](const auto& mode) { return mode.param ? "Directory" : "Memory"; })

}  // namespace gramian

#endif  // GRAMIAN_TESTS_STORE_STORE_TEST_H_
