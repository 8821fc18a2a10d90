#include "gramian/base/scratch_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "gramian/base/error_reason.h"

namespace gramian {
namespace {

using Lease = ScratchBudget::Lease;
using Pending = std::future<absl::StatusOr<Lease>>;

constexpr int64_t kLimit = 80;

template <typename Condition>
bool Eventually(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

ScratchLimits Limits(int64_t queue_limit = 100) {
  ScratchLimits limits;
  limits.limit_bytes = kLimit;
  limits.queue_limit = queue_limit;
  return limits;
}

// Asks on another thread and returns once it waits.
Pending Ask(ScratchBudget& budget, int64_t bytes, Lane lane, std::stop_token stop = {}) {
  const int64_t before = budget.GetStats().waiting;
  Pending pending = std::async(std::launch::async, [&budget, bytes, lane, stop = std::move(stop)] {
    return budget.Acquire(bytes, lane, stop);
  });
  EXPECT_TRUE(Eventually([&] { return budget.GetStats().waiting == before + 1; }));
  return pending;
}

bool IsReady(const Pending& pending) {
  return pending.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

TEST(ScratchBudgetTest, AnswersHaveHalfAsMuchAndKeepNobodyWaiting) {
  ScratchBudget budget(Limits());
  {
    const auto half = budget.HoldAnswer(kLimit / 2);
    ASSERT_TRUE(half.ok());
    EXPECT_EQ(budget.GetStats().answer_bytes, kLimit / 2);
    EXPECT_TRUE(HasReason(budget.HoldAnswer(1).status(), "MEMORY_PRESSURE"));
    EXPECT_TRUE(HasReason(budget.HoldAnswer(kLimit / 2 + 1).status(), "NEVER_FITS"));
    EXPECT_EQ(budget.GetStats().refused, 1);
    EXPECT_TRUE(budget.Acquire(kLimit, Lane::kInteractive, {}).ok());
  }
  EXPECT_EQ(budget.GetStats().answer_bytes, 0);
  EXPECT_TRUE(budget.HoldAnswer(kLimit / 2).ok());
}

TEST(ScratchBudgetTest, AnswersCountInTheMemory) {
  ScratchLimits limits = Limits();
  limits.memory_bytes = kLimit;
  ScratchBudget budget(limits);
  const auto answer = budget.HoldAnswer(10);
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(
      HasReason(budget.Acquire(kLimit - 9, Lane::kInteractive, {}).status(), "MEMORY_PRESSURE"));
  EXPECT_TRUE(budget.Acquire(kLimit - 10, Lane::kInteractive, {}).ok());
}

TEST(ScratchBudgetTest, WhatFitsIsLeasedAndComesBack) {
  ScratchBudget budget(Limits());
  {
    const auto whole = budget.Acquire(kLimit, Lane::kInteractive, {});
    ASSERT_TRUE(whole.ok());
    EXPECT_EQ(whole->bytes(), kLimit);
    EXPECT_EQ(budget.GetStats().leased_bytes, kLimit);
  }
  EXPECT_EQ(budget.GetStats().leased_bytes, 0);
}

TEST(ScratchBudgetTest, OneByteMoreThanTheLimitNeverFits) {
  ScratchBudget budget(Limits());
  const auto lease = budget.Acquire(kLimit + 1, Lane::kInteractive, {});
  EXPECT_TRUE(HasReason(lease.status(), "NEVER_FITS")) << lease.status();
  EXPECT_EQ(GetReason(lease.status())->metadata.at("value"), "81");
  EXPECT_EQ(GetReason(lease.status())->metadata.at("limit"), "80");
}

TEST(ScratchBudgetTest, WhatDoesNotFitNowWaitsAndIsServedInOrder) {
  ScratchBudget budget(Limits());
  auto first = std::make_unique<absl::StatusOr<Lease>>(budget.Acquire(40, Lane::kInteractive, {}));
  auto second = std::make_unique<absl::StatusOr<Lease>>(budget.Acquire(40, Lane::kInteractive, {}));
  Pending large = Ask(budget, 80, Lane::kInteractive);
  // Would fit before the large one does, and must not overtake it.
  Pending small = Ask(budget, 10, Lane::kInteractive);
  first.reset();
  EXPECT_FALSE(IsReady(large));
  EXPECT_FALSE(IsReady(small));
  second.reset();
  {
    const auto lease = large.get();
    EXPECT_TRUE(lease.ok());
    EXPECT_FALSE(IsReady(small));
  }
  EXPECT_TRUE(small.get().ok());
}

TEST(ScratchBudgetTest, InteractiveRequestsAreServedBeforeBatchRequests) {
  ScratchBudget budget(Limits());
  auto holder = std::make_unique<absl::StatusOr<Lease>>(budget.Acquire(80, Lane::kBatch, {}));
  Pending batch = Ask(budget, 80, Lane::kBatch);
  Pending interactive = Ask(budget, 80, Lane::kInteractive);
  holder.reset();
  {
    const auto lease = interactive.get();
    EXPECT_TRUE(lease.ok());
    EXPECT_FALSE(IsReady(batch));
  }
  EXPECT_TRUE(batch.get().ok());
}

TEST(ScratchBudgetTest, BatchRequestsLeaveAnEighthToInteractiveOnes) {
  ScratchBudget budget(Limits());
  const auto batch = budget.Acquire(60, Lane::kBatch, {});
  std::stop_source stop;
  Pending more = Ask(budget, 11, Lane::kBatch, stop.get_token());
  const auto interactive = budget.Acquire(20, Lane::kInteractive, {});
  EXPECT_TRUE(interactive.ok());
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(more.get().status()));
}

TEST(ScratchBudgetTest, ABatchRequestInTheQueueDoesNotDelayAnInteractiveOneThatFits) {
  ScratchBudget budget(Limits());
  const auto holder = budget.Acquire(40, Lane::kInteractive, {});
  std::stop_source stop;
  Pending batch = Ask(budget, 80, Lane::kBatch, stop.get_token());
  EXPECT_TRUE(budget.Acquire(40, Lane::kInteractive, {}).ok());
  stop.request_stop();
}

TEST(ScratchBudgetTest, AFullQueueRefuses) {
  ScratchBudget budget(Limits(1));
  auto holder = std::make_unique<absl::StatusOr<Lease>>(budget.Acquire(80, Lane::kBatch, {}));
  Pending waiting = Ask(budget, 1, Lane::kInteractive);
  const auto refused = budget.Acquire(1, Lane::kInteractive, {});
  EXPECT_TRUE(absl::IsUnavailable(refused.status()));
  EXPECT_TRUE(HasReason(refused.status(), "QUEUE_FULL"));
  EXPECT_EQ(GetReason(refused.status())->metadata.at("limit"), "1");
  EXPECT_EQ(budget.GetStats().refused, 1);
  holder.reset();
  EXPECT_TRUE(waiting.get().ok());
}

TEST(ScratchBudgetTest, WhoStopsLeavesTheQueueToTheOthers) {
  ScratchBudget budget(Limits());
  auto holder = std::make_unique<absl::StatusOr<Lease>>(budget.Acquire(40, Lane::kInteractive, {}));
  std::stop_source stop;
  Pending large = Ask(budget, 80, Lane::kInteractive, stop.get_token());
  Pending small = Ask(budget, 40, Lane::kInteractive);
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(large.get().status()));
  EXPECT_TRUE(small.get().ok());
}

// What others hold of 100 bytes, of which `evictable` can be freed.
struct Others {
  ScratchLimits Limits() {
    ScratchLimits limits = gramian::Limits();
    limits.memory_bytes = 100;
    limits.held_elsewhere = [this] { return fixed + evictable; };
    limits.make_room = [this](int64_t bytes) { evictable -= std::min(evictable.load(), bytes); };
    return limits;
  }
  std::atomic<int64_t> fixed{0};
  std::atomic<int64_t> evictable{0};
};

TEST(ScratchBudgetTest, BeyondNineTenthsOthersMakeRoom) {
  Others others;
  others.evictable = 60;
  ScratchBudget budget(others.Limits());
  {
    const auto fits = budget.Acquire(30, Lane::kInteractive, {});
    EXPECT_TRUE(fits.ok());
    EXPECT_EQ(others.evictable, 60);
    const auto evicts = budget.Acquire(1, Lane::kInteractive, {});
    EXPECT_TRUE(evicts.ok());
    EXPECT_EQ(others.evictable, 59);
  }
  budget.MakeRoom(32);
  EXPECT_EQ(others.evictable, 58);
}

TEST(ScratchBudgetTest, WhatOthersCannotFreeIsMemoryPressureToTheByte) {
  Others others;
  others.fixed = 40;
  ScratchBudget budget(others.Limits());
  EXPECT_TRUE(budget.Acquire(60, Lane::kInteractive, {}).ok());
  const auto refused = budget.Acquire(61, Lane::kInteractive, {});
  EXPECT_TRUE(HasReason(refused.status(), "MEMORY_PRESSURE")) << refused.status();
  EXPECT_EQ(GetReason(refused.status())->metadata.at("value"), "61");
  EXPECT_EQ(GetReason(refused.status())->metadata.at("limit"), "100");
}

TEST(ScratchBudgetTest, ManyThreadsNeverHoldMoreThanTheLimit) {
  ScratchBudget budget(Limits());
  std::atomic<int64_t> held{0};
  std::atomic<bool> is_exceeded{false};
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t k = 0; k < 200; ++k) {
        const int64_t bytes = 1 + (i * 37 + k * 11) % kLimit;
        const auto lease =
            budget.Acquire(bytes, i % 2 == 0 ? Lane::kBatch : Lane::kInteractive, {});
        if (!lease.ok()) return;
        if ((held += bytes) > kLimit) is_exceeded = true;
        held -= bytes;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(is_exceeded);
  EXPECT_EQ(budget.GetStats().leased_bytes, 0);
  EXPECT_EQ(budget.GetStats().waiting, 0);
}

}  // namespace
}  // namespace gramian
