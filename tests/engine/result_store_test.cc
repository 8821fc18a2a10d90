#include "gramian/engine/result_store.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/threads.h"

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

}  // namespace
}  // namespace gramian
