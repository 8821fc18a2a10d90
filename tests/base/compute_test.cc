#include "gramian/base/compute.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/threads.h"

namespace gramian {
namespace {

using ::testing::HasSubstr;

// 0 threads: no arena.
class ParallelForTest : public ::testing::TestWithParam<int> {
 protected:
  ParallelForTest() {
    if (GetParam() > 0) arena_ = std::make_unique<ComputeArena>(GetParam());
    context_.arena = arena_.get();
  }

  std::unique_ptr<ComputeArena> arena_;
  ComputeContext context_;
};

INSTANTIATE_TEST_SUITE_P(Threads, ParallelForTest, ::testing::Values(0, 1, 2, 4),
                         ::testing::PrintToStringParamName());

TEST_P(ParallelForTest, RunsEveryIndexOnce) {
  for (const int64_t count : {0, 1, 2, 3, 1000}) {
    std::vector<std::atomic<int>> runs(static_cast<size_t>(count));
    const absl::Status status = ParallelFor(context_, count, [&](int64_t i) {
      ++runs[static_cast<size_t>(i)];
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    for (const std::atomic<int>& run : runs) EXPECT_EQ(run, 1);
  }
}

TEST_P(ParallelForTest, ReturnsTheFirstErrorByIndexOfThoseThatRan) {
  for (int round = 0; round < 50; ++round) {
    std::mutex mutex;
    std::vector<int64_t> failed;
    const absl::Status status = ParallelFor(context_, 1000, [&](int64_t i) {
      if (i % 7 != 3) return absl::OkStatus();
      const std::lock_guard<std::mutex> lock(mutex);
      failed.push_back(i);
      return absl::DataLossError(absl::StrCat("index ", i));
    });
    ASSERT_FALSE(failed.empty());
    EXPECT_EQ(status, absl::DataLossError(
                          absl::StrCat("index ", *std::min_element(failed.begin(), failed.end()))));
  }
}

TEST_P(ParallelForTest, StopsEarlyAfterAnError) {
  constexpr int64_t kCount = 1'000'000;
  std::atomic<int64_t> runs{0};
  const absl::Status status = ParallelFor(context_, kCount, [&](int64_t /*i*/) {
    ++runs;
    return absl::InternalError("always");
  });
  EXPECT_EQ(status, absl::InternalError("always"));
  EXPECT_LT(runs, kCount / 2);
}

TEST_P(ParallelForTest, AStopRequestEndsTheLoopWithCancelled) {
  constexpr int64_t kCount = 1'000'000;
  std::stop_source source;
  context_.stop = source.get_token();
  std::atomic<int64_t> runs{0};
  const absl::Status status = ParallelFor(context_, kCount, [&](int64_t /*i*/) {
    ++runs;
    source.request_stop();
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_LT(runs, kCount / 2);
}

TEST_P(ParallelForTest, RunsNothingWhenStoppedBefore) {
  std::stop_source source;
  source.request_stop();
  context_.stop = source.get_token();
  std::atomic<int> runs{0};
  for (const int64_t count : {1, 100}) {
    const absl::Status status = ParallelFor(context_, count, [&](int64_t /*i*/) {
      ++runs;
      return absl::OkStatus();
    });
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  }
  EXPECT_EQ(runs, 0);
}

TEST_P(ParallelForTest, LoopsMayBeNested) {
  constexpr int64_t kOuter = 20;
  constexpr int64_t kInner = 50;
  std::vector<int64_t> sums(kOuter, 0);
  const absl::Status status = ParallelFor(context_, kOuter, [&](int64_t i) {
    std::vector<int64_t> squares(kInner, 0);
    const absl::Status inner = ParallelFor(context_, kInner, [&](int64_t j) {
      squares[static_cast<size_t>(j)] = i * j;
      return absl::OkStatus();
    });
    sums[static_cast<size_t>(i)] = std::accumulate(squares.begin(), squares.end(), int64_t{0});
    return inner;
  });
  EXPECT_TRUE(status.ok()) << status;
  for (int64_t i = 0; i < kOuter; ++i) {
    EXPECT_EQ(sums[static_cast<size_t>(i)], i * kInner * (kInner - 1) / 2);
  }
}

TEST_P(ParallelForTest, TheErrorOfANestedLoopComesOut) {
  const absl::Status status = ParallelFor(context_, 4, [&](int64_t i) {
    return ParallelFor(context_, 10, [&](int64_t j) {
      return i == 2 && j == 5 ? absl::NotFoundError("2, 5") : absl::OkStatus();
    });
  });
  EXPECT_EQ(status, absl::NotFoundError("2, 5"));
}

TEST_P(ParallelForTest, GivesTheBitsOfASerialLoop) {
  std::vector<double> values(10'000);
  ASSERT_TRUE(ParallelFor(context_, 10'000, [&](int64_t i) {
                values[static_cast<size_t>(i)] = std::sin(static_cast<double>(i));
                return absl::OkStatus();
              }).ok());
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(values[i], std::sin(static_cast<double>(i)));
  }
}

// A thread that picked up another loop's index while it waits for its own would lock the mutex that
// it holds already, and hang until the test's time is over.
TEST_P(ParallelForTest, ABodyMayHoldALockThatOthersWaitFor) {
  constexpr int kCallers = 6;
  std::mutex mutex;
  int64_t total = 0;
  std::vector<absl::Status> statuses(kCallers);
  RunInThreads(kCallers, [&](int caller) {
    statuses[static_cast<size_t>(caller)] = ParallelFor(context_, 40, [&](int64_t /*i*/) {
      const std::lock_guard<std::mutex> lock(mutex);
      std::atomic<int64_t> inner{0};
      const absl::Status status = ParallelFor(context_, 16, [&](int64_t /*j*/) {
        ++inner;
        return absl::OkStatus();
      });
      total += inner;
      return status;
    });
  });
  EXPECT_THAT(statuses, ::testing::Each(absl::OkStatus()));
  EXPECT_EQ(total, kCallers * 40 * 16);
}

TEST_P(ParallelForTest, CallersOfOneArenaDoNotMixTheirLoops) {
  constexpr int kCallers = 8;
  std::vector<int64_t> sums(kCallers, 0);
  RunInThreads(kCallers, [&](int caller) {
    for (int round = 0; round < 20; ++round) {
      std::atomic<int64_t> sum{0};
      const absl::Status status = ParallelFor(context_, 100, [&](int64_t i) {
        sum += i * caller;
        return absl::OkStatus();
      });
      if (status.ok()) sums[static_cast<size_t>(caller)] += sum;
    }
  });
  for (int caller = 0; caller < kCallers; ++caller) {
    EXPECT_EQ(sums[static_cast<size_t>(caller)], 20 * 4950 * caller);
  }
}

TEST(ComputeArenaTest, HasAtLeastTheCallingThread) {
  EXPECT_EQ(ComputeArena(3).threads(), 3);
  EXPECT_EQ(ComputeArena(1).threads(), 1);
  EXPECT_EQ(ComputeArena(0).threads(), 1);
}

// Both indices run at once, so one of them runs on a worker.
TEST(ComputeArenaTest, WorkersAreNicerThanWhoCallsThem) {
  ComputeArena arena(2);
  ComputeContext context;
  context.arena = &arena;
  const int own = getpriority(PRIO_PROCESS, 0);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> running{0};
  std::atomic<int> niceness_of_worker{-1};
  const absl::Status status = ParallelFor(context, 2, [&](int64_t /*i*/) {
    ++running;
    EXPECT_TRUE(WaitUntil([&] { return running == 2; }));
    if (std::this_thread::get_id() == caller) {
      EXPECT_EQ(getpriority(PRIO_PROCESS, 0), own);
    } else {
      niceness_of_worker = getpriority(PRIO_PROCESS, 0);
    }
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(niceness_of_worker, std::max(own, 10));
}

TEST(ComputeContextTest, ScratchIsAllowedUpToTheLimitAndNotOneByteMore) {
  ComputeContext context;
  context.scratch_limit_bytes = 1000;
  EXPECT_TRUE(context.CheckScratch(1000, "a matrix").ok());
  const absl::Status status = context.CheckScratch(1001, "a matrix");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("a matrix"));
  EXPECT_THAT(status.message(), HasSubstr("1001"));
  EXPECT_THAT(status.message(), HasSubstr("1000"));
}

TEST(ComputeContextTest, HasNoLimitAndIsNotStoppedUnlessTold) {
  const ComputeContext context;
  EXPECT_TRUE(context.CheckScratch(std::numeric_limits<int64_t>::max(), "anything").ok());
  EXPECT_TRUE(context.CheckStop().ok());
}

TEST(ComputeContextTest, ReportsARequestedStop) {
  std::stop_source source;
  ComputeContext context;
  context.stop = source.get_token();
  EXPECT_TRUE(context.CheckStop().ok());
  source.request_stop();
  EXPECT_EQ(context.CheckStop().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace gramian
