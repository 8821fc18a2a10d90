#include "gramian/engine/operator_cache.h"

#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/held_computation.h"
#include "tests/engine/threads.h"

namespace gramian {
namespace {

TEST(OperatorCacheTest, ComputesAMissingObjectAndThenRemembersIt) {
  OperatorCache cache(kMegabyte);
  EXPECT_TRUE(Computes(cache, "a", kKilobyte));
  EXPECT_FALSE(Computes(cache, "a", kKilobyte));
  const CacheStats stats = cache.Stats();
  EXPECT_EQ(stats.misses, 1);
  EXPECT_EQ(stats.hits, 1);
  EXPECT_EQ(stats.entries, 1);
  EXPECT_GE(stats.bytes, kKilobyte);
  EXPECT_EQ(stats.limit_bytes, kMegabyte);
}

TEST(OperatorCacheTest, EvictsLeastRecentlyUsedFirst) {
  OperatorCache cache(3 * kMegabyte + 2 * kKilobyte);
  Computes(cache, "a", kMegabyte);
  Computes(cache, "b", kMegabyte);
  Computes(cache, "c", kMegabyte);
  EXPECT_FALSE(Computes(cache, "a", kMegabyte)) << "all three fit";
  Computes(cache, "d", kMegabyte);
  EXPECT_FALSE(Computes(cache, "a", kMegabyte));
  EXPECT_FALSE(Computes(cache, "c", kMegabyte));
  EXPECT_FALSE(Computes(cache, "d", kMegabyte));
  EXPECT_EQ(cache.Stats().evictions, 1);
  EXPECT_GE(cache.Stats().evicted_bytes, kMegabyte);
  EXPECT_TRUE(Computes(cache, "b", kMegabyte));
}

TEST(OperatorCacheTest, NeverHoldsMoreThanItsBudget) {
  constexpr int64_t kLimit = 10 * kKilobyte;
  OperatorCache cache(kLimit);
  for (int i = 0; i < 100; ++i) {
    Computes(cache, absl::StrCat("key", i), i * 97 % 4000);
    EXPECT_LE(cache.Stats().bytes, kLimit);
  }
  EXPECT_GT(cache.Stats().entries, 1);
}

TEST(OperatorCacheTest, CountsBookkeepingSoThatEmptyObjectsCannotPileUp) {
  OperatorCache cache(10 * kKilobyte);
  for (int i = 0; i < 1000; ++i) Computes(cache, absl::StrCat("key", i), 0);
  EXPECT_LT(cache.Stats().entries, 100);
  EXPECT_GT(cache.Stats().evictions, 900);
}

TEST(OperatorCacheTest, AnEvictedObjectLivesWhileSomeoneUsesIt) {
  OperatorCache cache(kMegabyte);
  const Result held =
      cache.GetOrCompute("a", {}, [](const ComputeContext&) -> Result { return NewBlob(7); });
  ASSERT_TRUE(held.ok());
  EXPECT_GT(cache.Clear(), 0);
  EXPECT_EQ(cache.Stats().entries, 0);
  EXPECT_EQ(cache.Stats().bytes, 0);
  EXPECT_EQ((*held)->size_bytes(), 7);
  EXPECT_TRUE(Computes(cache, "a", 7));
}

TEST(OperatorCacheTest, HandsOutAnObjectLargerThanTheBudgetWithoutKeepingIt) {
  OperatorCache cache(kMegabyte);
  Computes(cache, "small", kKilobyte);
  EXPECT_TRUE(Computes(cache, "large", kMegabyte));
  EXPECT_TRUE(Computes(cache, "large", kMegabyte));
  EXPECT_FALSE(Computes(cache, "small", kKilobyte)) << "nothing was evicted in vain";
  EXPECT_EQ(cache.Stats().evictions, 0);
}

TEST(OperatorCacheTest, ABudgetOfZeroKeepsNothing) {
  OperatorCache cache(0);
  EXPECT_TRUE(Computes(cache, "a", 0));
  EXPECT_TRUE(Computes(cache, "a", 0));
  EXPECT_EQ(cache.Stats().entries, 0);
}

TEST(OperatorCacheTest, KeepsThatThereIsNoObject) {
  OperatorCache cache(kMegabyte);
  int calls = 0;
  for (int i = 0; i < 2; ++i) {
    const Result result = cache.GetOrCompute("null", {}, [&](const ComputeContext&) -> Result {
      ++calls;
      return DerivedPtr();
    });
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(*result, nullptr);
  }
  EXPECT_EQ(calls, 1);
}

TEST(OperatorCacheTest, ErrorsAreNotCached) {
  OperatorCache cache(kMegabyte);
  const Result failed = cache.GetOrCompute("a", {}, [](const ComputeContext&) -> Result {
    return absl::FailedPreconditionError("indefinite");
  });
  EXPECT_EQ(failed.status(), absl::FailedPreconditionError("indefinite"));
  EXPECT_TRUE(Computes(cache, "a", kKilobyte));
}

TEST(OperatorCacheTest, RunningOutOfMemoryIsResourceExhausted) {
  OperatorCache cache(kMegabyte);
  const Result failed =
      cache.GetOrCompute("a", {}, [](const ComputeContext&) -> Result { throw std::bad_alloc(); });
  EXPECT_TRUE(absl::IsResourceExhausted(failed.status())) << failed.status();
  EXPECT_TRUE(Computes(cache, "a", kKilobyte));
}

TEST(OperatorCacheTest, AnyOtherExceptionIsInternal) {
  OperatorCache cache(kMegabyte);
  const Result failed = cache.GetOrCompute(
      "a", {}, [](const ComputeContext&) -> Result { throw std::length_error("too long"); });
  EXPECT_TRUE(absl::IsInternal(failed.status())) << failed.status();
}

TEST(OperatorCacheTest, AStoppedCallerComputesNothing) {
  OperatorCache cache(kMegabyte);
  std::stop_source stop;
  stop.request_stop();
  const Result result =
      cache.GetOrCompute("a", StoppedBy(stop), [](const ComputeContext&) -> Result {
        ADD_FAILURE() << "computed";
        return DerivedPtr();
      });
  EXPECT_TRUE(absl::IsCancelled(result.status())) << result.status();
}

TEST(OperatorCacheTest, SixteenThreadsShareOneComputation) {
  constexpr int kThreads = 16;
  OperatorCache cache(kMegabyte);
  HeldComputation held;
  std::vector<Result> results(kThreads, absl::UnknownError("no answer"));
  {
    std::vector<std::jthread> threads;
    for (Result& result : results) {
      threads.emplace_back([&] { result = cache.GetOrCompute("a", {}, held.Function()); });
    }
    EXPECT_TRUE(WaitUntil([&] { return cache.Stats().coalesced == kThreads - 1; }));
    held.released.Open();
  }
  EXPECT_EQ(held.calls, 1);
  EXPECT_EQ(cache.Stats().misses, 1);
  for (const Result& result : results) {
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(*result, *results.front());
  }
}

TEST(OperatorCacheTest, AFailureGoesToEveryoneWhoWaited) {
  OperatorCache cache(kMegabyte);
  Gate released;
  int calls = 0;
  const auto fail = [&](const ComputeContext&) -> Result {
    ++calls;
    EXPECT_TRUE(released.Wait());
    return absl::FailedPreconditionError("indefinite");
  };
  std::vector<Result> results(4, absl::UnknownError("no answer"));
  {
    std::vector<std::jthread> threads;
    for (Result& result : results) {
      threads.emplace_back([&] { result = cache.GetOrCompute("a", {}, fail); });
    }
    EXPECT_TRUE(WaitUntil([&] { return cache.Stats().coalesced == 3; }));
    released.Open();
  }
  EXPECT_EQ(calls, 1);
  for (const Result& result : results) {
    EXPECT_EQ(result.status(), absl::FailedPreconditionError("indefinite"));
  }
}

TEST(OperatorCacheTest, ACancelledLeaderGoesOnForThoseWhoWait) {
  OperatorCache cache(kMegabyte);
  HeldComputation held;
  std::stop_source leader_stop;
  Result leader_result = absl::UnknownError("no answer");
  Result follower_result = absl::UnknownError("no answer");
  {
    const std::jthread leader(
        [&] { leader_result = cache.GetOrCompute("a", StoppedBy(leader_stop), held.Function()); });
    EXPECT_TRUE(held.running.Wait());
    const std::jthread follower(
        [&] { follower_result = cache.GetOrCompute("a", {}, held.Function()); });
    EXPECT_TRUE(WaitUntil([&] { return cache.Stats().coalesced == 1; }));
    leader_stop.request_stop();
    EXPECT_FALSE(held.saw_stop);
    held.released.Open();
  }
  EXPECT_TRUE(follower_result.ok()) << follower_result.status();
  EXPECT_EQ(held.calls, 1);
}

TEST(OperatorCacheTest, ACancelledFollowerLeavesAtOnceAndTheLeaderGoesOn) {
  OperatorCache cache(kMegabyte);
  HeldComputation held;
  Result leader_result = absl::UnknownError("no answer");
  {
    const std::jthread leader(
        [&] { leader_result = cache.GetOrCompute("a", {}, held.Function()); });
    EXPECT_TRUE(held.running.Wait());
    std::stop_source follower_stop;
    Result follower_result = absl::UnknownError("no answer");
    std::jthread follower([&] {
      follower_result = cache.GetOrCompute("a", StoppedBy(follower_stop), held.Function());
    });
    EXPECT_TRUE(WaitUntil([&] { return cache.Stats().coalesced == 1; }));
    follower_stop.request_stop();
    follower.join();  // The computation is still held.
    EXPECT_TRUE(absl::IsCancelled(follower_result.status())) << follower_result.status();
    EXPECT_FALSE(held.saw_stop);
    held.released.Open();
  }
  EXPECT_TRUE(leader_result.ok()) << leader_result.status();
}

TEST(OperatorCacheTest, StopsTheComputationWhenNobodyWantsItAnyMore) {
  constexpr int kThreads = 3;
  OperatorCache cache(kMegabyte);
  HeldComputation held;
  std::vector<std::stop_source> stops(kThreads);
  std::vector<Result> results(kThreads, absl::UnknownError("no answer"));
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back(
          [&, i] { results[i] = cache.GetOrCompute("a", StoppedBy(stops[i]), held.Function()); });
    }
    EXPECT_TRUE(held.running.Wait());
    EXPECT_TRUE(WaitUntil([&] { return cache.Stats().coalesced == kThreads - 1; }));
    stops[0].request_stop();
    stops[1].request_stop();
    EXPECT_FALSE(held.saw_stop);
    stops[2].request_stop();
  }
  EXPECT_TRUE(held.saw_stop);
  EXPECT_EQ(held.calls, 1);
  for (const Result& result : results) {
    EXPECT_TRUE(absl::IsCancelled(result.status())) << result.status();
  }
  EXPECT_TRUE(Computes(cache, "a", kKilobyte)) << "a cancelled computation leaves nothing behind";
}

TEST(OperatorCacheTest, ANewcomerDoesNotInheritACancellation) {
  OperatorCache cache(kMegabyte);
  Gate running;
  Gate released;
  std::stop_source leader_stop;
  Result leader_result = absl::UnknownError("no answer");
  {
    const std::jthread leader([&] {
      leader_result = cache.GetOrCompute(
          "a", StoppedBy(leader_stop), [&](const ComputeContext& context) -> Result {
            running.Open();
            EXPECT_TRUE(released.Wait());  // Deaf to the stop for a while.
            return context.CheckStop();
          });
    });
    EXPECT_TRUE(running.Wait());
    leader_stop.request_stop();
    EXPECT_TRUE(Computes(cache, "a", kKilobyte)) << "while the stopped computation still runs";
    released.Open();
  }
  EXPECT_TRUE(absl::IsCancelled(leader_result.status())) << leader_result.status();
  EXPECT_FALSE(Computes(cache, "a", kKilobyte));
}

TEST(OperatorCacheTest, FollowersRetryACancellationTheyDidNotAskFor) {
  OperatorCache cache(kMegabyte);
  Gate released;
  std::atomic<int> calls{0};
  const auto cancelled_once = [&](const ComputeContext&) -> Result {
    if (++calls > 1) return NewBlob(kKilobyte);
    EXPECT_TRUE(released.Wait());
    return absl::CancelledError("by itself");
  };
  std::vector<Result> results(4, absl::UnknownError("no answer"));
  {
    std::vector<std::jthread> threads;
    for (Result& result : results) {
      threads.emplace_back([&] { result = cache.GetOrCompute("a", {}, cancelled_once); });
    }
    EXPECT_TRUE(WaitUntil([&] { return cache.Stats().coalesced == 3; }));
    released.Open();
  }
  EXPECT_EQ(calls, 2);
  int cancelled = 0;
  for (const Result& result : results) cancelled += result.ok() ? 0 : 1;
  EXPECT_EQ(cancelled, 1) << "only the leader itself";
}

TEST(OperatorCacheTest, AFollowerWithMoreScratchRetriesWhatDidNotFitTheLeader) {
  OperatorCache cache(kMegabyte);
  Gate running;
  Gate released;
  const auto needs_scratch = [&](const ComputeContext& context) -> Result {
    running.Open();
    EXPECT_TRUE(released.Wait());
    if (absl::Status status = context.CheckScratch(kMegabyte, "the test"); !status.ok()) {
      return status;
    }
    return NewBlob(kKilobyte);
  };
  ComputeContext small;
  small.scratch_limit_bytes = kKilobyte;
  Result leader_result = absl::UnknownError("no answer");
  Result follower_result = absl::UnknownError("no answer");
  {
    const std::jthread leader(
        [&] { leader_result = cache.GetOrCompute("a", small, needs_scratch); });
    EXPECT_TRUE(running.Wait());
    const std::jthread follower(
        [&] { follower_result = cache.GetOrCompute("a", {}, needs_scratch); });
    EXPECT_TRUE(WaitUntil([&] { return cache.Stats().coalesced == 1; }));
    released.Open();
  }
  EXPECT_TRUE(absl::IsResourceExhausted(leader_result.status())) << leader_result.status();
  EXPECT_TRUE(follower_result.ok()) << follower_result.status();
}

// Gives the sum of the sizes of keys 0 ... depth - 1, each computed from the one below.
Result NestedObject(OperatorCache& cache, const ComputeContext& context, int depth) {
  return cache.GetOrCompute(absl::StrCat("depth", depth), context,
                            [&cache, depth](const ComputeContext& inner) -> Result {
                              if (depth == 0) return NewBlob(1);
                              Result below = NestedObject(cache, inner, depth - 1);
                              if (!below.ok()) return below;
                              return NewBlob((*below)->size_bytes() + 1);
                            });
}

TEST(OperatorCacheTest, EvictingDropsWhatWasNotUsedForTheLongest) {
  OperatorCache cache(100 * kKilobyte);
  for (const char* key : {"a", "b", "c"}) EXPECT_TRUE(Computes(cache, key, kKilobyte));
  EXPECT_FALSE(Computes(cache, "a", kKilobyte));
  const int64_t before = cache.Stats().bytes;
  const int64_t evicted = cache.Evict(kKilobyte);
  EXPECT_GE(evicted, kKilobyte);
  EXPECT_EQ(cache.Stats().bytes, before - evicted);
  EXPECT_EQ(cache.Stats().entries, 2);
  EXPECT_EQ(cache.Stats().evictions, 1);
  EXPECT_EQ(cache.Stats().evicted_bytes, evicted);
  EXPECT_FALSE(Computes(cache, "a", kKilobyte));
  EXPECT_TRUE(Computes(cache, "b", kKilobyte));
  cache.Evict(100 * kKilobyte);
  EXPECT_EQ(cache.Stats().entries, 0);
  EXPECT_EQ(cache.Stats().bytes, 0);
  EXPECT_EQ(cache.Evict(1), 0);
}

TEST(OperatorCacheTest, WhatIsKeptIsListed) {
  OperatorCache cache(100 * kKilobyte);
  EXPECT_TRUE(cache.List(10).empty());
  for (const char* key : {"a", "b", "c"}) EXPECT_TRUE(Computes(cache, key, kKilobyte));
  EXPECT_FALSE(Computes(cache, "a", kKilobyte));
  const std::vector<CachedObject> all = cache.List(10);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].key, "a");
  EXPECT_EQ(all[1].key, "c");
  EXPECT_EQ(all[2].key, "b");
  EXPECT_EQ(all[0].bytes + all[1].bytes + all[2].bytes, cache.Stats().bytes);
  EXPECT_LE(all[0].idle_seconds, all[2].idle_seconds);
  EXPECT_EQ(cache.List(2).size(), 2u);
  EXPECT_TRUE(cache.List(0).empty());
  EXPECT_EQ(cache.Stats().last_evicted_idle_seconds, 0);
  cache.Evict(1);
  EXPECT_GE(cache.Stats().last_evicted_idle_seconds, all[2].idle_seconds);
}

TEST(OperatorCacheTest, AComputationMayAskForOtherKeys) {
  OperatorCache cache(kMegabyte);
  RunInThreads(16, [&](int i) {
    for (int round = 0; round < 20; ++round) {
      const int depth = (i + round) % 10;
      const Result result = NestedObject(cache, {}, depth);
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ((*result)->size_bytes(), depth + 1);
      if (round % 5 == 0) cache.Clear();
    }
  });
}

TEST(OperatorCacheTest, AStopReachesNestedComputations) {
  OperatorCache cache(kMegabyte);
  HeldComputation held;
  std::stop_source stop;
  Result result = absl::UnknownError("no answer");
  {
    const std::jthread caller([&] {
      result = cache.GetOrCompute("outer", StoppedBy(stop), [&](const ComputeContext& context) {
        return cache.GetOrCompute("inner", context, held.Function());
      });
    });
    EXPECT_TRUE(held.running.Wait());
    stop.request_stop();
  }
  EXPECT_TRUE(held.saw_stop);
  EXPECT_TRUE(absl::IsCancelled(result.status())) << result.status();
}

// Loops of other callers fill the arena while they wait for a leader that needs the arena too.
TEST(OperatorCacheTest, ALeaderIsNeverStarvedByLoopsThatWaitForIt) {
  OperatorCache cache(kMegabyte);
  ComputeArena arena(2);
  ComputeContext context;
  context.arena = &arena;
  Gate running;
  Gate released;
  const auto leads = [&](const ComputeContext& inner) -> Result {
    running.Open();
    EXPECT_TRUE(released.Wait());
    if (absl::Status status = ParallelFor(inner, 64, [](int64_t) { return absl::OkStatus(); });
        !status.ok()) {
      return status;
    }
    return NewBlob(kKilobyte);
  };
  const std::jthread leader([&] { EXPECT_TRUE(cache.GetOrCompute("a", context, leads).ok()); });
  EXPECT_TRUE(running.Wait());
  std::vector<std::jthread> loops;
  for (int i = 0; i < 4; ++i) {
    loops.emplace_back([&] {
      EXPECT_TRUE(ParallelFor(context, 8, [&](int64_t) {
                    return cache.GetOrCompute("a", context, leads).status();
                  }).ok());
    });
  }
  EXPECT_TRUE(WaitUntil([&] { return cache.Stats().coalesced >= 2; }));
  released.Open();
}

TEST(OperatorCacheTest, ThreadsThatComeAndGoAlwaysGetAnAnswer) {
  constexpr int kRounds = 200;
  OperatorCache cache(3 * kKilobyte);
  RunInThreads(16, [&](int i) {
    for (int round = 0; round < kRounds; ++round) {
      std::stop_source stop;
      const bool impatient = (i + round) % 3 == 0;
      std::jthread stopper;
      if (impatient) stopper = std::jthread([&stop] { stop.request_stop(); });
      const Result result =
          cache.GetOrCompute(absl::StrCat("key", round % 5), StoppedBy(stop),
                             [](const ComputeContext& context) -> Result {
                               for (int step = 0; step < 20; ++step) {
                                 if (absl::Status status = context.CheckStop(); !status.ok())
                                   return status;
                                 std::this_thread::yield();
                               }
                               return NewBlob(kKilobyte);
                             });
      if (!result.ok()) {
        EXPECT_TRUE(impatient) << result.status();
        EXPECT_TRUE(absl::IsCancelled(result.status())) << result.status();
      }
    }
  });
  EXPECT_LE(cache.Stats().bytes, 3 * kKilobyte);
}

}  // namespace
}  // namespace gramian
