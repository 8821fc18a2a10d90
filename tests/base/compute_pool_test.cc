#include "gramian/base/compute_pool.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/threads.h"

namespace gramian {
namespace {

// Occupies one worker until it is let go. The job shares the gates: it may leave them last.
class Blocker {
 public:
  void Occupy(ComputePool& pool) {
    // A worker that ran another job may still be on its way back.
    ASSERT_TRUE(WaitUntil([&] {
      return pool.TrySubmit([gates = gates_] {
        gates->running.Open();
        gates->released.Wait();
      });
    }));
    ASSERT_TRUE(gates_->running.Wait());
  }
  void Release() { gates_->released.Open(); }

 private:
  struct Gates {
    Gate running;
    Gate released;
  };
  const std::shared_ptr<Gates> gates_ = std::make_shared<Gates>();
};

TEST(ComputePoolTest, RunsWhatItAccepts) {
  for (const int threads : {1, 3}) {
    std::atomic<int> runs{0};
    {
      ComputePool pool(threads, 100);
      for (int i = 0; i < 50; ++i) EXPECT_TRUE(pool.TrySubmit([&] { ++runs; }));
    }
    EXPECT_EQ(runs, 50);
  }
}

TEST(ComputePoolTest, OneThreadRunsJobsInTheOrderTheyCame) {
  std::vector<int> order;
  {
    Blocker blocker;
    ComputePool pool(1, 100);
    blocker.Occupy(pool);
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(pool.TrySubmit([&order, i] { order.push_back(i); }));
    }
    EXPECT_TRUE(order.empty());
    blocker.Release();
  }
  std::vector<int> expected(100);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
}

TEST(ComputePoolTest, RefusesWhenTheQueueIsFull) {
  std::atomic<int> runs{0};
  const auto job = [&] { ++runs; };
  {
    ComputePool pool(2, 3);
    Blocker first;
    Blocker second;
    first.Occupy(pool);
    second.Occupy(pool);
    EXPECT_EQ(pool.queue_length(), 0);
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(pool.TrySubmit(job));
      EXPECT_EQ(pool.queue_length(), i + 1);
    }
    EXPECT_FALSE(pool.TrySubmit(job));
    EXPECT_FALSE(pool.TrySubmit(job));
    EXPECT_EQ(pool.queue_length(), 3);
    EXPECT_EQ(runs, 0);
    first.Release();
    second.Release();
  }
  EXPECT_EQ(runs, 3);
}

TEST(ComputePoolTest, AcceptsAgainOnceAWorkerIsFree) {
  ComputePool pool(1, 0);
  for (int round = 0; round < 20; ++round) {
    Blocker blocker;
    blocker.Occupy(pool);
    EXPECT_FALSE(pool.TrySubmit([] {}));
    Gate done;
    blocker.Release();
    ASSERT_TRUE(WaitUntil([&] { return pool.TrySubmit([&] { done.Open(); }); }));
    ASSERT_TRUE(done.Wait());
  }
}

TEST(ComputePoolTest, WorkersAreIdleFromTheStart) {
  for (int round = 0; round < 100; ++round) {
    ComputePool pool(2, 0);
    EXPECT_TRUE(pool.TrySubmit([] {}));
  }
}

TEST(ComputePoolTest, DropsARefusedJob) {
  const auto held = std::make_shared<int>(1);
  Blocker blocker;
  ComputePool pool(1, 0);
  blocker.Occupy(pool);
  EXPECT_FALSE(pool.TrySubmit([held] { ++*held; }));
  EXPECT_EQ(held.use_count(), 1);
  blocker.Release();
}

TEST(ComputePoolTest, RefusesWhileItIsDestroyed) {
  std::atomic<bool> refused{false};
  std::atomic<int64_t> accepted{0};
  std::atomic<int64_t> runs{0};
  auto pool = std::make_unique<ComputePool>(1, 1'000'000);
  ComputePool* raw = pool.get();
  Gate running;
  ASSERT_TRUE(raw->TrySubmit([&] {
    running.Open();
    refused = WaitUntil([&] {
      const bool taken = raw->TrySubmit([&] { ++runs; });
      accepted += taken ? 1 : 0;
      return !taken;
    });
  }));
  ASSERT_TRUE(running.Wait());
  pool.reset();
  EXPECT_TRUE(refused);
  // What was accepted before still ran.
  EXPECT_EQ(runs, accepted);
}

TEST(ComputePoolTest, AWorkerSurvivesAJobThatRunsOutOfMemory) {
  ComputePool pool(1, 10);
  ASSERT_TRUE(pool.TrySubmit([] { throw std::bad_alloc(); }));
  Gate done;
  ASSERT_TRUE(pool.TrySubmit([&] { done.Open(); }));
  EXPECT_TRUE(done.Wait());
}

TEST(ComputePoolTest, RunsExactlyTheAcceptedJobsOfManySubmitters) {
  std::atomic<int64_t> accepted{0};
  std::atomic<int64_t> runs{0};
  {
    ComputePool pool(3, 4);
    RunInThreads(4, [&](int /*thread*/) {
      for (int i = 0; i < 500; ++i) accepted += pool.TrySubmit([&] { ++runs; }) ? 1 : 0;
    });
  }
  EXPECT_GT(accepted, 0);
  EXPECT_EQ(runs, accepted);
}

TEST(ComputePoolTest, WhatResumesIsNeverRefusedAndWaitsItsTurn) {
  std::vector<int> order;
  {
    ComputePool pool(1, 1);
    Blocker blocker;
    blocker.Occupy(pool);
    ASSERT_TRUE(pool.TrySubmit([&] {
      order.push_back(1);
      pool.Resume([&] { order.push_back(3); });
    }));
    EXPECT_FALSE(pool.TrySubmit([&] { order.push_back(-1); }));
    pool.Resume([&] { order.push_back(2); });
    blocker.Release();
  }
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(ComputePoolTest, ThreadsAreAsNiceAsTheyAreToldTo) {
  for (const int niceness : {0, 7}) {
    int seen = -1;
    {
      ComputePool pool(1, 1, niceness);
      ASSERT_TRUE(pool.TrySubmit([&] { seen = getpriority(PRIO_PROCESS, 0); }));
    }
    EXPECT_EQ(seen, std::max(niceness, getpriority(PRIO_PROCESS, 0)));
  }
}

TEST(ComputePoolTest, SuspendedJobsHaveALimitOfTheirOwn) {
  std::atomic<int> ran{0};
  {
    ComputePool pool(1, 2);
    EXPECT_TRUE(pool.TrySuspend());
    EXPECT_TRUE(pool.TrySuspend());
    EXPECT_FALSE(pool.TrySuspend());
    EXPECT_EQ(pool.queue_length(), 2);
    EXPECT_TRUE(pool.TrySubmit([&] { ++ran; })) << "they take no place of those that wait";
    pool.ResumeSuspended([&] { ++ran; });
    EXPECT_TRUE(pool.TrySuspend());
    pool.ResumeSuspended([&] { ++ran; });
    pool.ResumeSuspended([&] { ++ran; });
  }
  EXPECT_EQ(ran, 4);
}

TEST(ComputePoolTest, JobsThatGoOnTakeNoPlaceOfThoseSubmitted) {
  std::atomic<int> ran{0};
  {
    ComputePool pool(1, 2);
    Blocker blocker;
    blocker.Occupy(pool);
    for (int i = 0; i < 10; ++i) pool.Resume([&] { ++ran; });
    EXPECT_EQ(pool.queue_length(), 10);
    EXPECT_TRUE(pool.TrySubmit([&] { ++ran; }));
    EXPECT_TRUE(pool.TrySubmit([&] { ++ran; }));
    EXPECT_FALSE(pool.TrySubmit([&] { ++ran; }));
    blocker.Release();
  }
  EXPECT_EQ(ran, 12);
}

}  // namespace
}  // namespace gramian
