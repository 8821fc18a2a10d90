#include "gramian/base/awaited.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/status/status.h"

namespace gramian {
namespace {

// Counts how many of its kind there are.
class CountedPlace final : public Awaited::Place {
 public:
  explicit CountedPlace(int* count) : count_(count) { ++*count_; }
  ~CountedPlace() override { --*count_; }

 private:
  int* count_;
};

TEST(WakeTest, CallsOnceWhicheverComesFirst) {
  int calls = 0;
  Wake armed_first;
  armed_first.Arm([&] { ++calls; });
  EXPECT_EQ(calls, 0);
  armed_first.Fire();
  armed_first.Fire();
  EXPECT_EQ(calls, 1);
  Wake fired_first;
  fired_first.Fire();
  fired_first.Arm([&] { ++calls; });
  EXPECT_EQ(calls, 2);
}

TEST(WakeTest, OfManyWhoFireOneCalls) {
  for (int round = 0; round < 200; ++round) {
    Wake wake;
    std::atomic<int> calls{0};
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) threads.emplace_back([&] { wake.Fire(); });
      wake.Arm([&] { ++calls; });
    }
    EXPECT_EQ(calls, 1);
  }
}

TEST(AwaitedTest, OnlyAFlightIsInFlight) {
  EXPECT_TRUE(IsInFlight(InFlight("an operator")));
  EXPECT_TRUE(absl::IsUnavailable(InFlight("an operator")));
  EXPECT_FALSE(IsInFlight(absl::UnavailableError("QUEUE_FULL")));
  EXPECT_FALSE(IsInFlight(absl::OkStatus()));
}

TEST(AwaitedTest, PlacesAreKeptByCacheAndKeyUntilTheyAreLeft) {
  int count = 0;
  const int cache = 0;
  const int other = 0;
  {
    Awaited awaited;
    awaited.Join(&cache, "a", std::make_shared<CountedPlace>(&count));
    awaited.Join(&cache, "b", std::make_shared<CountedPlace>(&count));
    EXPECT_NE(awaited.Find(&cache, "a"), nullptr);
    EXPECT_EQ(awaited.Find(&other, "a"), nullptr);
    EXPECT_EQ(awaited.Find(&cache, "c"), nullptr);
    awaited.Join(&cache, "a", std::make_shared<CountedPlace>(&count));
    EXPECT_EQ(count, 2);
    awaited.Leave(&cache, "a");
    EXPECT_EQ(awaited.Find(&cache, "a"), nullptr);
    EXPECT_EQ(count, 1);
  }
  EXPECT_EQ(count, 0);
  Awaited awaited;
  awaited.Join(&cache, "a", std::make_shared<CountedPlace>(&count));
  awaited.Clear();
  EXPECT_EQ(count, 0);
}

TEST(AwaitedTest, AFlightOrAStopCallsAndOnlyOneOfThem) {
  int calls = 0;
  std::stop_source stop;
  Awaited awaited;
  const std::shared_ptr<Wake> flight = awaited.wake();
  awaited.Then(stop.get_token(), [&] { ++calls; });
  flight->Fire();
  stop.request_stop();
  EXPECT_EQ(calls, 1);

  std::stop_source again;
  Awaited stopped;
  stopped.Then(again.get_token(), [&] { ++calls; });
  again.request_stop();
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace gramian
