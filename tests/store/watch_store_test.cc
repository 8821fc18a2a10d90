#include "gramian/store/watch_store.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gramian/store/sqlite.h"
#include "tests/testing/temporary_directory.h"

namespace gramian {
namespace {

Watch Drift() {
  Watch watch;
  watch.project = "p";
  watch.id = "drift";
  watch.network = "run 7";
  watch.reference_network = "teacher";
  watch.reference_step = 0;
  watch.layers = {"a:b", "", "3:x"};
  watch.measure = "cka";
  watch.create_time = absl::FromUnixSeconds(1'800'000'000);
  return watch;
}

TEST(WatchStoreTest, WhatWasAddedIsThereAgain) {
  const testing::TemporaryDirectory directory;
  Watch newest = Drift();
  newest.id = "a";
  newest.reference_step.reset();
  newest.layers.clear();
  {
    auto store = WatchStore::Open(directory.path());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->Add(Drift()).ok());
    ASSERT_TRUE((*store)->Add(newest).ok());
  }
  auto store = WatchStore::Open(directory.path());
  ASSERT_TRUE(store.ok()) << store.status();
  auto watches = (*store)->Read();
  ASSERT_TRUE(watches.ok()) << watches.status();
  ASSERT_EQ(watches->size(), 2u);
  EXPECT_EQ((*watches)[0].id, "a");
  EXPECT_TRUE((*watches)[0].IsLike(newest));
  EXPECT_EQ((*watches)[1].id, "drift");
  EXPECT_TRUE((*watches)[1].IsLike(Drift()));
  EXPECT_EQ((*watches)[1].create_time, Drift().create_time);
  ASSERT_TRUE((*store)->Remove("p", "drift").ok());
  EXPECT_EQ((*store)->Read()->size(), 1u);
}

TEST(WatchStoreTest, ACopyHoldsTheSame) {
  const testing::TemporaryDirectory directory;
  const testing::TemporaryDirectory other;
  auto store = WatchStore::Open(directory.path());
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE((*store)->Add(Drift()).ok());
  ASSERT_TRUE((*store)->CopyTo(other.path()).ok());
  ASSERT_TRUE((*store)->Remove("p", "drift").ok());
  auto copy = WatchStore::Open(other.path());
  ASSERT_TRUE(copy.ok()) << copy.status();
  const auto watches = (*copy)->Read();
  ASSERT_TRUE(watches.ok()) << watches.status();
  ASSERT_EQ(watches->size(), 1u);
  EXPECT_TRUE((*watches)[0].IsLike(Drift()));
}

TEST(WatchStoreTest, ATurnedBitIsNoticed) {
  const testing::TemporaryDirectory directory;
  {
    auto store = WatchStore::Open(directory.path());
    ASSERT_TRUE(store.ok()) << store.status();
    ASSERT_TRUE((*store)->Add(Drift()).ok());
  }
  {
    const char* const formats[] = {""};
    auto database = SqliteDatabase::Open(directory.path() + "/watches.db",
                                         SqliteDatabase::Durability::kNothing, formats);
    ASSERT_TRUE(database.ok()) << database.status();
    ASSERT_TRUE((*database)->Execute("UPDATE watches SET network='run 6'").ok());
  }
  auto store = WatchStore::Open(directory.path());
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->Read().status().code(), absl::StatusCode::kDataLoss);
}

TEST(WatchStoreTest, WithoutADirectoryNothingIsKept) {
  auto store = WatchStore::Open("");
  ASSERT_TRUE(store.ok());
  EXPECT_TRUE((*store)->Add(Drift()).ok());
  EXPECT_TRUE((*store)->Read()->empty());
  EXPECT_TRUE((*store)->Remove("p", "drift").ok());
}

}  // namespace
}  // namespace gramian
