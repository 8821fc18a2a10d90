// Callers of OperatorCache that wait without a thread.
#include <atomic>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gramian/base/awaited.h"
#include "gramian/engine/operator_cache.h"
#include "gtest/gtest.h"
#include "tests/engine/held_computation.h"
#include "tests/engine/threads.h"

namespace gramian {
namespace {

// A caller that waits without a thread, for one flight after the other.
struct Guest {
  explicit Guest(const std::stop_token& stop = {}) { context.stop = stop; }
  ComputeContext Context() {
    context.awaited = &awaited;
    return context;
  }
  Awaited awaited;
  ComputeContext context;
};

TEST(OperatorCacheGuestsTest, WhoWaitsWithoutAThreadIsToldWhenTheObjectIsThere) {
  OperatorCache cache(0);  // What is not kept is handed over nevertheless.
  HeldComputation held;
  std::jthread leader([&] { EXPECT_TRUE(cache.GetOrCompute("a", {}, held.Function()).ok()); });
  ASSERT_TRUE(held.running.Wait());
  Guest guest;
  EXPECT_TRUE(IsInFlight(cache.GetOrCompute("a", guest.Context(), held.Function()).status()));
  EXPECT_TRUE(IsInFlight(cache.GetOrCompute("a", guest.Context(), held.Function()).status()));
  Gate woken;
  guest.awaited.Then({}, [&] { woken.Open(); });
  EXPECT_EQ(cache.Stats().coalesced, 1);
  held.released.Open();
  ASSERT_TRUE(woken.Wait());
  EXPECT_TRUE(cache.GetOrCompute("a", guest.Context(), held.Function()).ok());
  EXPECT_EQ(held.calls, 1);
}

TEST(OperatorCacheGuestsTest, WhoIsToldBeforeItListensIsToldAtOnce) {
  OperatorCache cache(kMegabyte);
  HeldComputation held;
  std::jthread leader([&] { EXPECT_TRUE(cache.GetOrCompute("a", {}, held.Function()).ok()); });
  ASSERT_TRUE(held.running.Wait());
  Guest guest;
  EXPECT_TRUE(IsInFlight(cache.GetOrCompute("a", guest.Context(), held.Function()).status()));
  held.released.Open();
  leader.join();
  int calls = 0;
  guest.awaited.Then({}, [&] { ++calls; });
  EXPECT_EQ(calls, 1);
}

TEST(OperatorCacheGuestsTest, ACancelledLeaderDoesNotStopWhatAGuestWaitsFor) {
  OperatorCache cache(kMegabyte);
  HeldComputation held;
  std::stop_source leaders;
  std::jthread leader([&] { (void)cache.GetOrCompute("a", StoppedBy(leaders), held.Function()); });
  ASSERT_TRUE(held.running.Wait());
  {
    Guest guest;
    EXPECT_TRUE(IsInFlight(cache.GetOrCompute("a", guest.Context(), held.Function()).status()));
    leaders.request_stop();
    EXPECT_FALSE(held.saw_stop);
  }
  // The guest was the last.
  EXPECT_TRUE(held.saw_stop);
}

TEST(OperatorCacheGuestsTest, AGuestIsWokenByItsOwnStop) {
  OperatorCache cache(kMegabyte);
  HeldComputation held;
  std::jthread leader([&] { EXPECT_TRUE(cache.GetOrCompute("a", {}, held.Function()).ok()); });
  ASSERT_TRUE(held.running.Wait());
  std::stop_source stop;
  Guest guest(stop.get_token());
  EXPECT_TRUE(IsInFlight(cache.GetOrCompute("a", guest.Context(), held.Function()).status()));
  int calls = 0;
  guest.awaited.Then(stop.get_token(), [&] { ++calls; });
  EXPECT_EQ(calls, 0);
  stop.request_stop();
  EXPECT_EQ(calls, 1);
  held.released.Open();
  leader.join();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(
      absl::IsCancelled(cache.GetOrCompute("a", guest.Context(), held.Function()).status()));
}

TEST(OperatorCacheGuestsTest, AFollowerOfAGuestThatLeftComputesItself) {
  OperatorCache cache(kMegabyte);
  HeldComputation inner;
  std::jthread leader([&] { EXPECT_TRUE(cache.GetOrCompute("inner", {}, inner.Function()).ok()); });
  ASSERT_TRUE(inner.running.Wait());
  Gate outer_runs;
  Gate outer_goes_on;
  Guest guest;
  std::jthread leaving([&] {
    const Result left =
        cache.GetOrCompute("outer", guest.Context(), [&](const ComputeContext& context) -> Result {
          outer_runs.Open();
          EXPECT_TRUE(outer_goes_on.Wait());
          return cache.GetOrCompute("inner", context, inner.Function());
        });
    EXPECT_TRUE(IsInFlight(left.status()));
  });
  ASSERT_TRUE(outer_runs.Wait());
  std::jthread follower([&] { EXPECT_TRUE(Computes(cache, "outer", kKilobyte)); });
  ASSERT_TRUE(WaitUntil([&] { return cache.Stats().coalesced == 1; }));
  outer_goes_on.Open();
  follower.join();
  leaving.join();
  inner.released.Open();
}

// Goal: guests, leaders and stops in any order neither lose a call nor race. Method: many rounds on
// a few keys; every guest is run until it has its object or was stopped.
TEST(OperatorCacheGuestsTest, ManyGuestsAreAllServed) {
  OperatorCache cache(0);
  std::atomic<int> served{0};
  constexpr int kThreads = 8;
  constexpr int kRounds = 300;
  RunInThreads(kThreads, [&](int thread) {
    for (int round = 0; round < kRounds; ++round) {
      std::stop_source stop;
      Guest guest(stop.get_token());
      const bool stops = round % 3 == 0;
      Result result = InFlight("");
      while (true) {
        result = cache.GetOrCompute(absl::StrCat(round % 2), guest.Context(),
                                    [](const ComputeContext& context) -> Result {
                                      std::this_thread::yield();
                                      if (absl::Status status = context.CheckStop(); !status.ok())
                                        return status;
                                      return NewBlob(1);
                                    });
        if (!IsInFlight(result.status())) break;
        Gate woken;
        std::jthread stopper([&] {
          if (stops) stop.request_stop();
        });
        guest.awaited.Then(stop.get_token(), [&] { woken.Open(); });
        EXPECT_TRUE(woken.Wait());
      }
      EXPECT_TRUE(result.ok() || (stops && absl::IsCancelled(result.status()))) << thread;
      ++served;
    }
  });
  EXPECT_EQ(served, kThreads * kRounds);
}

}  // namespace
}  // namespace gramian
