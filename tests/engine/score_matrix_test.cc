#include "gramian/engine/score_matrix.h"

#include <atomic>
#include <cmath>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/threads.h"
#include "tests/testing/random.h"

namespace gramian {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;

// Scores a pair by its widths, 100 * d_a + d_b, and counts how often it is asked.
class WidthMeasure : public SimilarityMeasure {
 public:
  explicit WidthMeasure(bool is_symmetric) {
    traits_.is_symmetric = is_symmetric;
    traits_.range_max = HUGE_VAL;
  }
  const std::string& name() const override { return name_; }
  const MeasureTraits& traits() const override { return traits_; }
  absl::StatusOr<Score> Compare(const ComputeContext& context, const Operand& a, const Operand& b,
                                Form form) const override {
    ++calls_;
    if (absl::Status status = Prepare(context); !status.ok()) return status;
    return Score{ScoreStatus::kOk, static_cast<double>(100 * a.cols() + b.cols()),
                 form == Form::kAuto ? Form::kFeatureSpace : form};
  }
  int calls() const { return calls_; }

 protected:
  virtual absl::Status Prepare(const ComputeContext& /*context*/) const { return absl::OkStatus(); }

 private:
  const std::string name_ = "width";
  MeasureTraits traits_;
  mutable std::atomic<int> calls_{0};
};

// Needs a kilobyte of scratch.
class HungryMeasure final : public WidthMeasure {
 public:
  HungryMeasure() : WidthMeasure(false) {}
  absl::Status Prepare(const ComputeContext& context) const override {
    return context.CheckScratch(1000, "the test");
  }
};

// Asks its own caller to stop at the third pair.
class StoppingMeasure final : public WidthMeasure {
 public:
  StoppingMeasure() : WidthMeasure(false) {}
  absl::Status Prepare(const ComputeContext& context) const override {
    if (calls() == 3) stop.request_stop();
    return context.CheckStop();
  }
  mutable std::stop_source stop;
};

// Lets nobody finish before `released`.
class HeldMeasure final : public WidthMeasure {
 public:
  HeldMeasure() : WidthMeasure(true) {}
  absl::Status Prepare(const ComputeContext& /*context*/) const override {
    running.Open();
    EXPECT_TRUE(released.Wait());
    return absl::OkStatus();
  }
  mutable Gate running;
  mutable Gate released;
};

class ScorerTest : public ::testing::Test {
 protected:
  // Layers of the given widths over 4 inputs; a width decides the content.
  std::vector<OperandSource> Layers(const std::vector<int64_t>& widths) {
    std::vector<OperandSource> operands;
    for (const int64_t d : widths) {
      operands.emplace_back(Operand(
          testing::AsFloat32(testing::RandomNormal(4, d, static_cast<uint64_t>(d))), &cache_));
    }
    return operands;
  }

  absl::StatusOr<std::vector<ComparisonBlock>> CompareAll(const ComputeContext& context,
                                                          const SimilarityMeasure& measure,
                                                          const std::vector<OperandSource>& rows,
                                                          const std::vector<OperandSource>& cols) {
    std::vector<ComparisonBlock> blocks;
    const absl::Status status =
        scorer_.CompareAll(context, measure, rows, cols, [&](ComparisonBlock block) {
          blocks.push_back(std::move(block));
          return absl::OkStatus();
        });
    if (!status.ok()) return status;
    return blocks;
  }

  static std::vector<double> Values(const ComparisonBlock& block) {
    std::vector<double> values;
    for (const Comparison& comparison : block.comparisons) values.push_back(comparison.score.value);
    return values;
  }

  NoCache cache_;
  const std::unique_ptr<ResultStore> results_ = NewMemoryResultStore(1000);
  Scorer scorer_{results_.get()};
};

TEST_F(ScorerTest, ComputesOnceAndThenAnswersFromTheStore) {
  const WidthMeasure measure(false);
  const std::vector<OperandSource> layers = Layers({1, 2});
  EXPECT_FALSE(scorer_.Find(measure, layers[0], layers[1]).has_value());
  const auto first = scorer_.Compare({}, measure, layers[0], layers[1], Form::kAuto);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(first->cached);
  EXPECT_EQ(first->rows, 4);
  EXPECT_EQ(first->cols_a, 1);
  EXPECT_EQ(first->cols_b, 2);
  const auto second = scorer_.Compare({}, measure, layers[0], layers[1], Form::kAuto);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->cached);
  EXPECT_EQ(second->score.value, 102.0);
  EXPECT_EQ(measure.calls(), 1);
  EXPECT_EQ(scorer_.Stats().hits, 1);
  EXPECT_EQ(scorer_.Stats().misses, 1);
  EXPECT_EQ(scorer_.Stats().completed, 1);
}

TEST_F(ScorerTest, BothOrdersOfASymmetricPairShareOneScore) {
  const WidthMeasure measure(true);
  const std::vector<OperandSource> layers = Layers({1, 2});
  const auto ab = scorer_.Compare({}, measure, layers[0], layers[1], Form::kAuto);
  const auto ba = scorer_.Compare({}, measure, layers[1], layers[0], Form::kAuto);
  ASSERT_TRUE(ab.ok() && ba.ok());
  EXPECT_EQ(measure.calls(), 1);
  EXPECT_EQ(ab->score.value, ba->score.value);
  EXPECT_EQ(ba->cols_a, 2) << "the sides stay as they were asked for";
  EXPECT_EQ(ba->cols_b, 1);
}

TEST_F(ScorerTest, BothOrdersOfAnAsymmetricPairAreComputed) {
  const WidthMeasure measure(false);
  const std::vector<OperandSource> layers = Layers({1, 2});
  EXPECT_EQ(scorer_.Compare({}, measure, layers[0], layers[1], Form::kAuto)->score.value, 102.0);
  EXPECT_EQ(scorer_.Compare({}, measure, layers[1], layers[0], Form::kAuto)->score.value, 201.0);
}

TEST_F(ScorerTest, CallersOfOneUnknownScoreShareItsComputation) {
  constexpr int kThreads = 16;
  const HeldMeasure measure;
  const std::vector<OperandSource> layers = Layers({1, 2});
  std::stop_source first_stop;
  ComputeContext first_context;
  first_context.stop = first_stop.get_token();
  {
    // The first to ask gives up while the others wait.
    const std::jthread first(
        [&] { (void)scorer_.Compare(first_context, measure, layers[0], layers[1], Form::kAuto); });
    EXPECT_TRUE(measure.running.Wait());
    std::vector<std::jthread> others;
    for (int i = 1; i < kThreads; ++i) {
      others.emplace_back([&, i] {
        const auto comparison =
            scorer_.Compare({}, measure, layers[static_cast<size_t>(i % 2)],
                            layers[static_cast<size_t>(1 - i % 2)], Form::kAuto);
        EXPECT_TRUE(comparison.ok()) << comparison.status();
      });
    }
    EXPECT_TRUE(WaitUntil([&] { return scorer_.Stats().misses == kThreads; }));
    first_stop.request_stop();
    measure.released.Open();
  }
  EXPECT_EQ(scorer_.Stats().completed, measure.calls());
  EXPECT_LE(measure.calls(), 2) << "one more if all others came after the first had given up";
  EXPECT_EQ(results_->size(), 1);
}

TEST_F(ScorerTest, AForcedFormIsAlwaysComputedAndNotRemembered) {
  const WidthMeasure measure(false);
  const std::vector<OperandSource> layers = Layers({1, 2});
  for (int i = 0; i < 2; ++i) {
    const auto forced = scorer_.Compare({}, measure, layers[0], layers[1], Form::kSpectral);
    ASSERT_TRUE(forced.ok());
    EXPECT_EQ(forced->score.form, Form::kSpectral);
    EXPECT_FALSE(forced->cached);
  }
  EXPECT_EQ(measure.calls(), 2);
  EXPECT_EQ(results_->size(), 0);
}

TEST_F(ScorerTest, StreamsABlockForEachRowInOrder) {
  const WidthMeasure measure(false);
  const auto blocks = CompareAll({}, measure, Layers({1, 2, 3}), Layers({4, 5}));
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  ASSERT_EQ(blocks->size(), 3U);
  for (size_t row = 0; row < 3; ++row) {
    const ComparisonBlock& block = (*blocks)[row];
    EXPECT_EQ(block.first_row, static_cast<int64_t>(row));
    EXPECT_EQ(block.first_col, 0);
    EXPECT_EQ(block.row_count, 1);
    EXPECT_EQ(block.col_count, 2);
    EXPECT_EQ(block.done, static_cast<int64_t>(2 * (row + 1)));
    EXPECT_EQ(block.total, 6);
  }
  EXPECT_THAT(Values((*blocks)[0]), ElementsAre(104.0, 105.0));
  EXPECT_THAT(Values((*blocks)[2]), ElementsAre(304.0, 305.0));
}

TEST_F(ScorerTest, ASymmetricMatrixOfOneSideIsComputedOnceAndMirrored) {
  const WidthMeasure measure(true);
  const auto blocks = CompareAll({}, measure, Layers({1, 2, 3}), Layers({1, 2, 3}));
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  EXPECT_EQ(measure.calls(), 6);
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) {
      const Comparison& cell = (*blocks)[i].comparisons[j];
      EXPECT_EQ(cell.score.value, (*blocks)[j].comparisons[i].score.value);
      EXPECT_EQ(cell.cols_a, static_cast<int64_t>(i + 1));
      EXPECT_EQ(cell.cols_b, static_cast<int64_t>(j + 1));
    }
  }
}

TEST_F(ScorerTest, AnAsymmetricMatrixOfOneSideIsComputedInFull) {
  const WidthMeasure measure(false);
  const auto blocks = CompareAll({}, measure, Layers({1, 2, 3}), Layers({1, 2, 3}));
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  EXPECT_EQ(measure.calls(), 9);
  EXPECT_THAT(Values((*blocks)[2]), ElementsAre(301.0, 302.0, 303.0));
}

TEST_F(ScorerTest, AMatrixReusesWhatIsKnown) {
  const WidthMeasure measure(false);
  const std::vector<OperandSource> layers = Layers({1, 2, 3});
  ASSERT_TRUE(scorer_.Compare({}, measure, layers[1], layers[2], Form::kAuto).ok());
  const auto first = CompareAll({}, measure, layers, layers);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(measure.calls(), 9);
  EXPECT_TRUE((*first)[1].comparisons[2].cached);
  EXPECT_FALSE((*first)[1].comparisons[1].cached);
  const auto second = CompareAll({}, measure, layers, layers);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(measure.calls(), 9);
  for (const ComparisonBlock& block : *second) {
    EXPECT_THAT(block.comparisons, Each(Field(&Comparison::cached, true)));
  }
}

TEST_F(ScorerTest, CellsThatNeedAllTheScratchAreComputedOneAtATime) {
  ComputeArena arena(2);
  const HungryMeasure measure;
  const auto blocks = CompareAll({&arena, {}, 1000}, measure, Layers({1, 2}), Layers({4, 5, 6, 7}));
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  EXPECT_THAT(Values((*blocks)[1]), ElementsAre(204.0, 205.0, 206.0, 207.0));
  const auto never = CompareAll({&arena, {}, 999}, measure, Layers({1}), Layers({8}));
  EXPECT_TRUE(absl::IsResourceExhausted(never.status())) << never.status();
}

TEST_F(ScorerTest, AStopEndsAMatrixAtTheNextPair) {
  const StoppingMeasure measure;
  ComputeContext context;
  context.stop = measure.stop.get_token();
  const auto blocks = CompareAll(context, measure, Layers({1, 2, 3, 4}), Layers({5, 6}));
  EXPECT_TRUE(absl::IsCancelled(blocks.status())) << blocks.status();
  EXPECT_EQ(measure.calls(), 3);
}

TEST_F(ScorerTest, AnErrorOfTheSinkStopsTheMatrix) {
  const WidthMeasure measure(false);
  const absl::Status status =
      scorer_.CompareAll({}, measure, Layers({1, 2, 3}), Layers({4}),
                         [](const ComparisonBlock&) { return absl::AbortedError("full"); });
  EXPECT_EQ(status, absl::AbortedError("full"));
  EXPECT_EQ(measure.calls(), 1);
}

TEST_F(ScorerTest, ManyThreadsGetTheSameMatrix) {
  const WidthMeasure measure(true);
  ComputeArena arena(2);
  const std::vector<OperandSource> rows = Layers({1, 2, 3, 4, 5});
  const std::vector<OperandSource> cols = Layers({4, 5, 6});
  const auto expected = CompareAll({}, measure, rows, cols);
  ASSERT_TRUE(expected.ok());
  const std::unique_ptr<ResultStore> small = NewMemoryResultStore(4);
  Scorer scorer(small.get());
  RunInThreads(16, [&](int) {
    size_t row = 0;
    const absl::Status status =
        scorer.CompareAll({&arena, {}}, measure, rows, cols, [&](const ComparisonBlock& block) {
          EXPECT_EQ(Values(block), Values((*expected)[row++]));
          return absl::OkStatus();
        });
    EXPECT_TRUE(status.ok()) << status;
  });
}

}  // namespace
}  // namespace gramian
