#include "gramian/engine/result_store.h"

#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gramian/base/mutex.h"
#include "gramian/store/sqlite.h"
#include "gtest/gtest.h"
#include "tests/engine/threads.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

Score Value(double value) { return {ScoreStatus::kOk, value, Form::kFeatureSpace}; }

TEST(ResultStoreTest, FindsWhatWasInserted) {
  const auto store = NewMemoryResultStore(10);
  EXPECT_FALSE(store->Find("a", "b", "cka").has_value());
  store->Insert("a", "b", "cka", {ScoreStatus::kConstant, 0.0, Form::kSpectral});
  const std::optional<Score> found = store->Find("a", "b", "cka");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->status, ScoreStatus::kConstant);
  EXPECT_EQ(found->form, Form::kSpectral);
  EXPECT_EQ(store->size(), 1);
}

TEST(ResultStoreTest, KeepsSidesAndMeasureApart) {
  const auto store = NewMemoryResultStore(10);
  store->Insert("ab", "c", "m", Value(0.5));
  EXPECT_FALSE(store->Find("a", "bc", "m").has_value());
  EXPECT_FALSE(store->Find("c", "ab", "m").has_value());
  EXPECT_FALSE(store->Find("ab", "", "cm").has_value());
  EXPECT_FALSE(store->Find("ab", "c", "n").has_value());
}

TEST(ResultStoreTest, ALaterScoreReplacesAnEarlierOne) {
  const auto store = NewMemoryResultStore(10);
  store->Insert("a", "b", "cka", Value(0.25));
  store->Insert("a", "b", "cka", Value(0.75));
  EXPECT_EQ(store->Find("a", "b", "cka")->value, 0.75);
  EXPECT_EQ(store->size(), 1);
}

TEST(ResultStoreTest, ForgetsTheLeastRecentlyUsedAtItsLimit) {
  const auto store = NewMemoryResultStore(3);
  for (const char* name : {"a", "b", "c"}) store->Insert(name, name, "cka", Value(1.0));
  EXPECT_EQ(store->size(), 3);
  EXPECT_TRUE(store->Find("a", "a", "cka").has_value());
  store->Insert("d", "d", "cka", Value(1.0));
  EXPECT_EQ(store->size(), 3);
  EXPECT_FALSE(store->Find("b", "b", "cka").has_value());
  EXPECT_TRUE(store->Find("a", "a", "cka").has_value());
  EXPECT_TRUE(store->Find("c", "c", "cka").has_value());
  EXPECT_TRUE(store->Find("d", "d", "cka").has_value());
}

TEST(ResultStoreTest, SixteenThreadsFindOnlyTrueScores) {
  const auto store = NewMemoryResultStore(50);
  RunInThreads(16, [&](int i) {
    for (int round = 0; round < 1000; ++round) {
      const int pair = (i * 7 + round) % 100;
      const std::string key = absl::StrCat("layer", pair);
      if (const std::optional<Score> score = store->Find(key, key, "cka")) {
        EXPECT_EQ(score->value, pair);
      } else {
        store->Insert(key, key, "cka", Value(pair));
      }
    }
  });
  EXPECT_EQ(store->size(), 50);
}

class DurableResultStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<ResultStore> Open(int64_t limit = 1000) {
    absl::StatusOr<std::unique_ptr<ResultStore>> store =
        OpenResultStore(path_, limit, [this](const absl::Status& status) {
          MutexLock lock(mutex_);
          (absl::IsDataLoss(status) ? damage_ : problems_).emplace_back(status.message());
        });
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  // What the store could not write, in its own words.
  std::vector<std::string> problems() {
    MutexLock lock(mutex_);
    return problems_;
  }

  const testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/scores.db";
  std::vector<std::string> damage_;

 private:
  Mutex mutex_;
  std::vector<std::string> problems_;
};

// While it lives no file of this process grows.
class FilesThatDoNotGrow {
 public:
  FilesThatDoNotGrow() : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none{0, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
  }
  FilesThatDoNotGrow(const FilesThatDoNotGrow&) = delete;
  FilesThatDoNotGrow& operator=(const FilesThatDoNotGrow&) = delete;
  ~FilesThatDoNotGrow() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }

 private:
  void (*const signal_)(int);
  rlimit before_{};
};

TEST_F(DurableResultStoreTest, FindsAfterARestartEveryBitOfAScore) {
  const std::vector<Score> scores = {{ScoreStatus::kOk, 0.1, Form::kFeatureSpace},
                                     {ScoreStatus::kOk, 1.0, Form::kSampleSpace},
                                     {ScoreStatus::kOk, -5e-324, Form::kSpectral},
                                     {ScoreStatus::kConstant, 0.0, Form::kFeatureSpace},
                                     {ScoreStatus::kTooFewInputs, 0.0, Form::kFeatureSpace},
                                     {ScoreStatus::kNonpositiveSelfTerm, 0.0, Form::kSpectral},
                                     {ScoreStatus::kUndefinedRoot, 0.0, Form::kSpectral},
                                     {ScoreStatus::kZeroBandwidth, 0.0, Form::kSpectral}};
  {
    const auto store = Open();
    for (size_t i = 0; i < scores.size(); ++i) {
      store->Insert(absl::StrCat(i), "b", "cka", scores[i]);
    }
  }
  const auto store = Open();
  EXPECT_EQ(store->size(), static_cast<int64_t>(scores.size()));
  for (size_t i = 0; i < scores.size(); ++i) {
    const std::optional<Score> found = store->Find(absl::StrCat(i), "b", "cka");
    ASSERT_TRUE(found.has_value()) << i;
    EXPECT_EQ(found->status, scores[i].status);
    EXPECT_EQ(found->value, scores[i].value);
    EXPECT_EQ(found->form, scores[i].form);
  }
  EXPECT_FALSE(store->Find("0", "b", "distcorr").has_value());
}

// How approximate a score is has no place in the file, so that it is found in memory only.
TEST_F(DurableResultStoreTest, AnApproximateScoreIsNotWritten) {
  Score score{ScoreStatus::kOk, 0.5, Form::kSampleSpace};
  score.recall = 0.75F;
  {
    const auto store = Open();
    store->Insert("a", "b", "knn-jaccard", score);
    EXPECT_EQ(store->Find("a", "b", "knn-jaccard")->recall, 0.75F);
  }
  EXPECT_FALSE(Open()->Find("a", "b", "knn-jaccard").has_value());
}

TEST_F(DurableResultStoreTest, KeepsTheYoungestUpToTheLimit) {
  {
    const auto store = Open(10);
    for (int i = 0; i < 100; ++i) store->Insert(absl::StrCat(i), "b", "cka", Value(i));
  }
  const auto store = Open(5);
  EXPECT_EQ(store->size(), 5);
  for (int i = 95; i < 100; ++i) {
    const std::optional<Score> found = store->Find(absl::StrCat(i), "b", "cka");
    ASSERT_TRUE(found.has_value()) << i;
    EXPECT_EQ(found->value, i);
  }
}

TEST_F(DurableResultStoreTest, ScoresOfAnotherVersionOrUnknownKindAreForgotten) {
  {
    const auto store = Open();
    for (const char* name : {"a", "b", "c"}) store->Insert(name, name, "cka", Value(0.5));
  }
  {
    const auto database =
        SqliteDatabase::Open(path_, SqliteDatabase::Durability::kLastCommits, {""}).value();
    ASSERT_TRUE(database->Execute("UPDATE scores SET version=version+1 WHERE id=1").ok());
    ASSERT_TRUE(database->Execute("UPDATE scores SET status='odd' WHERE id=2").ok());
  }
  EXPECT_EQ(Open()->size(), 1);
}

TEST_F(DurableResultStoreTest, ADamagedFileIsPutAsideAndBegunAnew) {
  Open()->Insert("a", "b", "cka", Value(0.5));
  std::ofstream(path_, std::ios::trunc) << std::string(5000, 'x');
  {
    const auto store = Open();
    ASSERT_EQ(damage_.size(), 1U);
    EXPECT_THAT(damage_[0], ::testing::HasSubstr(path_ + ".damaged"));
    EXPECT_TRUE(std::filesystem::exists(path_ + ".damaged"));
    EXPECT_EQ(store->size(), 0);
    store->Insert("a", "b", "cka", Value(0.25));
  }
  EXPECT_EQ(Open()->Find("a", "b", "cka")->value, 0.25);
  EXPECT_EQ(damage_.size(), 1U);
}

TEST_F(DurableResultStoreTest, ManyThreadsInsertWithoutLosingOne) {
  {
    const auto store = Open(2000);
    RunInThreads(8, [&](int i) {
      for (int round = 0; round < 200; ++round) {
        store->Insert(absl::StrCat(i), absl::StrCat(round), "cka", Value(round));
        EXPECT_EQ(store->Find(absl::StrCat(i), absl::StrCat(round), "cka")->value, round);
      }
    });
  }
  EXPECT_EQ(Open(2000)->size(), 1600);
}

// Goal: scores that a full disk refuses are written once there is room. Method: no file of this
// process may grow for a while.
TEST_F(DurableResultStoreTest, WhatCannotBeWrittenIsToldOnceAndWrittenLater) {
  {
    const auto store = Open();
    {
      const FilesThatDoNotGrow limit;
      for (int i = 0; i < 10; ++i) {
        store->Insert(absl::StrCat(i), "b", "cka", Value(i));
        std::this_thread::sleep_for(std::chrono::milliseconds(i == 0 ? 300 : 30));
      }
    }
    EXPECT_THAT(problems(), ::testing::SizeIs(1));
    store->Insert("late", "b", "cka", Value(0.5));
  }
  EXPECT_THAT(problems(), ::testing::SizeIs(1));
  const auto store = Open();
  EXPECT_EQ(store->size(), 11);
  for (int i = 0; i < 10; ++i) {
    const std::optional<Score> found = store->Find(absl::StrCat(i), "b", "cka");
    ASSERT_TRUE(found.has_value()) << i;
    EXPECT_EQ(found->value, i);
  }
}

TEST_F(DurableResultStoreTest, WhatCannotBeWrittenAtTheEndIsCounted) {
  {
    auto store = Open();
    const FilesThatDoNotGrow limit;
    store->Insert("a", "b", "cka", Value(0.5));
    store->Insert("c", "b", "cka", Value(0.5));
    store.reset();
  }
  ASSERT_THAT(problems(), ::testing::Not(::testing::IsEmpty()));
  EXPECT_THAT(problems().back(), ::testing::HasSubstr("2 scores"));
  EXPECT_EQ(Open()->size(), 0);
}

}  // namespace
}  // namespace gramian
