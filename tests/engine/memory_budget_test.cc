// How the engine shares out memory.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gramian/base/error_reason.h"
#include "gramian/engine/similarity_engine.h"
#include "gtest/gtest.h"
#include "tests/engine/threads.h"
#include "tests/testing/commit.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

constexpr int64_t kInputs = 200;
constexpr int kLayers = 6;
// A compact eigendecomposition of n x n: the most a measure of these tests asks for.
constexpr int64_t kNeed = int64_t{4} * 8 * kInputs * kInputs;
constexpr char kMeasure[] = "ms-cka-t=4";

class MemoryBudgetTest : public ::testing::Test {
 protected:
  void Open(int64_t scratch_bytes, int64_t memory_bytes) {
    EngineOptions options;
    options.threads = 2;
    options.scratch_limit_bytes = scratch_bytes;
    options.memory_limit_bytes = memory_bytes;
    engine_ = SimilarityEngine::Open(options).value();
    for (int i = 0; i < kLayers; ++i) {
      const Matrix activations =
          testing::RandomActivations(kInputs, kInputs + 8 * i, static_cast<uint64_t>(i) + 1);
      const absl::Status status =
          testing::Commit(engine_->store(), {Layer(i), "", "probes", "none", i},
                          *testing::AsFloat32(activations))
              .status();
      ASSERT_TRUE(status.ok()) << status;
    }
  }

  static LayerKey Layer(int i) { return {{"default", "net", 0}, absl::StrCat("fc", i)}; }

  absl::Status Compare(int i, int j) {
    const std::vector<std::string> measures = {kMeasure};
    return engine_->CompareLayers(Layer(i), Layer(j), measures, Form::kAuto, {}).status();
  }

  int64_t KeptBytes() const {
    const EngineStats stats = engine_->Stats();
    return stats.store.bytes + stats.store.reserved_bytes + stats.cache.bytes;
  }

  std::unique_ptr<SimilarityEngine> engine_;
};

TEST_F(MemoryBudgetTest, AComputationThatFitsAloneIsNeverRefused) {
  Open(kNeed, int64_t{1} << 30);
  RunInThreads(8, [this](int thread) {
    for (int i = 0; i < kLayers; ++i) {
      const absl::Status status = Compare(i, (i + thread) % kLayers);
      EXPECT_TRUE(status.ok()) << status;
    }
  });
  EXPECT_EQ(engine_->Stats().scratch.leased_bytes, 0);
  EXPECT_EQ(engine_->Stats().scratch.waiting, 0);
}

TEST_F(MemoryBudgetTest, OneByteLessThanItNeedsNeverFits) {
  Open(kNeed - 1, int64_t{1} << 30);
  const absl::Status status = Compare(0, 1);
  ASSERT_TRUE(HasReason(status, "NEVER_FITS")) << status;
  EXPECT_EQ(GetReason(status)->metadata.at("value"), absl::StrCat(kNeed));
  EXPECT_EQ(GetReason(status)->metadata.at("limit"), absl::StrCat(kNeed - 1));
}

TEST_F(MemoryBudgetTest, OperatorsMakeRoomAtNineTenthsOfTheMemory) {
  constexpr int64_t kMemory = int64_t{4} << 20;
  Open(kNeed, kMemory);
  for (int i = 0; i < kLayers; ++i) {
    const absl::Status status = Compare(i, (i + 1) % kLayers);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_LE(KeptBytes(), kMemory / 10 * 9);
  }
  EXPECT_GT(engine_->Stats().cache.evictions, 0);
}

TEST_F(MemoryBudgetTest, WhatIsStoredMakesRoomForNobody) {
  Open(kNeed, kNeed);
  const absl::Status status = Compare(0, 1);
  EXPECT_TRUE(HasReason(status, "MEMORY_PRESSURE")) << status;
  EXPECT_EQ(engine_->Stats().scratch.refused, 1);
}

TEST_F(MemoryBudgetTest, RoomIsMadeForWhatWillBeStored) {
  constexpr int64_t kMemory = int64_t{1} << 30;
  Open(kNeed, kMemory);
  ASSERT_TRUE(Compare(0, 1).ok());
  ASSERT_GT(engine_->Stats().cache.bytes, 0);
  engine_->MakeRoom(kMemory / 10 * 9 - KeptBytes());
  EXPECT_EQ(engine_->Stats().cache.evictions, 0);
  engine_->MakeRoom(kMemory / 10 * 9 - KeptBytes() + 1);
  EXPECT_EQ(engine_->Stats().cache.evictions, 1);
}

TEST_F(MemoryBudgetTest, AMatrixIsComputedWithLittleScratchToo) {
  Open(kNeed, int64_t{1} << 30);
  const SnapshotSelection all{Layer(0).snapshot, {}};
  const auto job = engine_->PlanSnapshots(all, all, kMeasure);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ((*job)->header().row_names.size(), static_cast<size_t>(kLayers));
  int rows = 0;
  while (!(*job)->is_done()) {
    const auto block = (*job)->Next({});
    ASSERT_TRUE(block.ok()) << block.status();
    EXPECT_EQ(block->first_row, rows);
    ++rows;
    EXPECT_EQ(block->done, rows * kLayers);
    // Nothing is held between two rows.
    EXPECT_EQ(engine_->Stats().scratch.leased_bytes, 0);
  }
  EXPECT_EQ(rows, kLayers);
}

}  // namespace
}  // namespace gramian
