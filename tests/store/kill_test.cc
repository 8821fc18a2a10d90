// Stops the process at every step of a history and looks at what the next one finds.
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gramian/base/status_macros.h"
#include "gramian/store/open_directory.h"
#include "gtest/gtest.h"
#include "tests/store/sample_layers.h"
#include "tests/testing/faulty_catalog.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

// Which seeds a layer may have after a restart; nothing means that it may be missing.
using Outcomes = std::set<std::optional<int>>;

// A history with a model of what was acknowledged.
class History {
 public:
  explicit History(ActivationStore* store) : store_(store) {}

  // Does everything until the first error.
  absl::Status Run() {
    GRAMIAN_RETURN_IF_ERROR(Commit(0, "fc1", 1, OnConflict::kReject));
    GRAMIAN_RETURN_IF_ERROR(Upload(0, "fc2", 2, /*commits=*/true));
    GRAMIAN_RETURN_IF_ERROR(Commit(1, "fc1", 1, OnConflict::kReject));
    GRAMIAN_RETURN_IF_ERROR(Commit(0, "fc1", 3, OnConflict::kReplace));
    GRAMIAN_RETURN_IF_ERROR(Pin(0));
    GRAMIAN_RETURN_IF_ERROR(Upload(2, "fc3", 4, /*commits=*/false));
    GRAMIAN_RETURN_IF_ERROR(Delete(1));
    GRAMIAN_RETURN_IF_ERROR(Commit(3, "fc1", 5, OnConflict::kReject));
    GRAMIAN_RETURN_IF_ERROR(Commit(3, "fc2", 5, OnConflict::kReject));
    return Delete(3);
  }

  const std::map<LayerKey, Outcomes>& layers() const { return layers_; }
  const std::set<bool>& pinned() const { return pinned_; }

  struct Begun {
    UploadPlan plan;
    int seed = 0;
    int64_t persisted = 0;  // acknowledged
  };
  const std::vector<Begun>& uploads() const { return uploads_; }

 private:
  absl::Status Commit(int64_t step, const std::string& layer, int seed, OnConflict on_conflict) {
    const LayerDescription description = Description(Snapshot(step), layer);
    Outcomes& outcomes = layers_[description.key];
    if (outcomes.empty()) outcomes.insert(std::nullopt);
    outcomes.insert(seed);
    const absl::Status status =
        testing::Commit(*store_, description, *Activations(seed), on_conflict).status();
    if (status.ok()) outcomes = {seed};
    return status;
  }

  absl::Status Upload(int64_t step, const std::string& layer, int seed, bool commits) {
    const UploadPlan plan = Plan(Description(Snapshot(step), layer), seed);
    GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<gramian::Upload> upload,
                             store_->OpenUpload(plan));
    Begun& begun = uploads_.emplace_back(Begun{plan, seed, 0});
    for (int64_t first = 0; first < kRows; first += kRows / 2) {
      if (!commits && first > 0) return absl::OkStatus();
      GRAMIAN_RETURN_IF_ERROR(AppendRows(*upload, seed, first, kRows / 2));
      const absl::StatusOr<int64_t> persisted = upload->Persist();
      if (!persisted.ok()) return persisted.status();
      begun.persisted = *persisted;
    }
    layers_[plan.description.key] = {std::nullopt, seed};
    GRAMIAN_RETURN_IF_ERROR(upload->Commit().status());
    layers_[plan.description.key] = {seed};
    return absl::OkStatus();
  }

  absl::Status Pin(int64_t step) {
    pinned_ = {false, true};
    const absl::Status status = store_->PinSnapshot(Snapshot(step), true).status();
    if (status.ok()) pinned_ = {true};
    return status;
  }

  absl::Status Delete(int64_t step) {
    for (auto& [key, outcomes] : layers_) {
      if (key.snapshot.step == step) outcomes.insert(std::nullopt);
    }
    const absl::Status status = store_->DeleteSnapshot(Snapshot(step)).status();
    for (auto& [key, outcomes] : layers_) {
      if (status.ok() && key.snapshot.step == step) outcomes = {std::nullopt};
    }
    return status;
  }

  ActivationStore* const store_;
  std::map<LayerKey, Outcomes> layers_;
  std::set<bool> pinned_ = {false};
  std::vector<Begun> uploads_;
};

int64_t CountFiles(const std::string& directory) {
  int64_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    count += entry.is_regular_file() ? 1 : 0;
  }
  return count;
}

// The seed of a layer that is there; a failure if its bytes are nobody's.
std::optional<int> SeedOf(ActivationStore& store, const LayerKey& key) {
  const absl::StatusOr<StoredLayer> layer = store.GetLayer(key);
  if (!layer.ok()) return std::nullopt;
  const auto loaded = store.Load(*layer);
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  for (int seed = 0; seed < 10 && loaded.ok(); ++seed) {
    if (testing::BytesOf(**loaded) == testing::BytesOf(*Activations(seed))) return seed;
  }
  ADD_FAILURE() << "layer '" << key.layer << "' holds what nobody sent";
  return std::nullopt;
}

// An upload goes on where it was acknowledged to be and can be committed.
void ExpectResumes(ActivationStore& store, const History::Begun& begun) {
  const LayerKey& key = begun.plan.description.key;
  const auto found = store.GetUpload(key, begun.plan.upload_id);
  if (!found.ok()) {
    EXPECT_EQ(begun.persisted, 0) << found.status();
    return;
  }
  EXPECT_GE((*found)->persisted_bytes(), begun.persisted);
  const absl::StatusOr<std::shared_ptr<Upload>> upload = store.OpenUpload(begun.plan);
  ASSERT_TRUE(upload.ok()) << upload.status();
  const std::string all = Rows(begun.seed, 0, kRows);
  int64_t sent = 0;
  for (const ByteRange& range : (*upload)->persisted()) {
    const std::string gap =
        all.substr(static_cast<size_t>(sent), static_cast<size_t>(range.begin - sent));
    if (!gap.empty()) {
      ASSERT_TRUE((*upload)->Append(0, sent, {absl::string_view(gap)}).ok());
    }
    sent = range.end;
  }
  const std::string rest = all.substr(static_cast<size_t>(sent));
  if (!rest.empty()) {
    ASSERT_TRUE((*upload)->Append(0, sent, {absl::string_view(rest)}).ok());
  }
  const absl::StatusOr<StoredLayer> layer = (*upload)->Commit();
  EXPECT_TRUE(layer.ok()) << layer.status();
  EXPECT_EQ(SeedOf(store, key), begun.seed);
}

// Runs the history, stops it after `steps` steps, and checks what a new process finds. Returns
// whether it was stopped.
bool StopAndCheck(int64_t steps, bool cuts_power) {
  SCOPED_TRACE(absl::StrCat("stopped after ", steps, " steps", cuts_power ? ", power cut" : ""));
  const testing::TemporaryDirectory directory;
  StoreOptions options;
  options.data_dir = directory.path();
  testing::FaultyFileSystem files;
  options.files = &files;
  auto store = OpenDirectory(options, [&files](std::unique_ptr<Catalog> real) {
    return std::make_unique<testing::FaultyCatalog>(std::move(real), &files);
  });
  EXPECT_TRUE(store.ok()) << store.status();
  if (!store.ok()) return false;
  files.StopAfter(steps);
  History history(store->get());
  const bool was_stopped = !history.Run().ok();
  store->reset();
  if (cuts_power) files.CutPower();

  options.files = nullptr;
  std::vector<std::string> damage;
  options.on_damage = [&damage](const absl::Status& status) {
    damage.emplace_back(status.message());
  };
  const auto again = ActivationStore::Open(options);
  EXPECT_TRUE(again.ok()) << again.status();
  if (!again.ok()) return was_stopped;
  EXPECT_THAT(damage, ::testing::IsEmpty());
  std::set<Digest> contents;
  for (const auto& [key, outcomes] : history.layers()) {
    const std::optional<int> seed = SeedOf(**again, key);
    EXPECT_EQ(outcomes.count(seed), 1U)
        << key.layer << "@" << key.snapshot.step << " is " << (seed.has_value() ? *seed : -1);
    if (seed.has_value()) contents.insert(Activations(*seed)->digest());
  }
  const std::vector<SnapshotSummary> snapshots = (*again)->ListSnapshots("default", "net");
  if (!snapshots.empty() && snapshots[0].step == 0) {
    EXPECT_EQ(history.pinned().count(snapshots[0].pinned), 1U);
  }
  EXPECT_EQ(CountFiles(directory.path() + "/blobs"), static_cast<int64_t>(contents.size()));
  EXPECT_EQ(CountFiles(directory.path() + "/uploads"), (*again)->Stats().uploads);
  EXPECT_EQ(CountFiles(directory.path() + "/quarantine"), 0);
  for (const History::Begun& begun : history.uploads()) {
    const auto layer = history.layers().find(begun.plan.description.key);
    const bool is_committed =
        layer != history.layers().end() && SeedOf(**again, layer->first).has_value();
    if (!is_committed) ExpectResumes(**again, begun);
  }
  return was_stopped;
}

TEST(KillTest, WhatWasAcknowledgedIsThereWhereverTheProcessStops) {
  int64_t steps = 0;
  while (StopAndCheck(steps, /*cuts_power=*/false)) ++steps;
  EXPECT_GT(steps, 50);
}

TEST(KillTest, WhatWasAcknowledgedIsThereWhereverThePowerGoes) {
  int64_t steps = 0;
  while (StopAndCheck(steps, /*cuts_power=*/true)) ++steps;
  EXPECT_GT(steps, 50);
}

}  // namespace
}  // namespace gramian
