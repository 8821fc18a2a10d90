#include "gramian/rpc/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stop_token>

#include "absl/time/clock.h"

namespace gramian::client {
namespace {

TEST(BackoffTest, PausesGrowUpToALimitAndBeginAnewAfterProgress) {
  Backoff backoff;
  absl::Duration expected = absl::Milliseconds(100);
  for (int i = 0; i < 12; ++i) {
    const absl::Duration pause = backoff.NextPause(absl::ZeroDuration());
    EXPECT_GE(pause, 0.5 * expected);
    EXPECT_LE(pause, 1.5 * expected);
    expected = std::min(2 * expected, absl::Seconds(5));
  }
  backoff.Reset();
  EXPECT_LE(backoff.NextPause(absl::ZeroDuration()), absl::Milliseconds(150));
}

TEST(BackoffTest, TheServersWishIsRespected) {
  Backoff backoff;
  for (int i = 0; i < 100; ++i) EXPECT_GE(backoff.NextPause(absl::Seconds(20)), absl::Seconds(20));
}

TEST(BackoffTest, ClientsThatWereLostAtOnceDoNotComeBackAtOnce) {
  Backoff a;
  Backoff b;
  int differ = 0;
  for (int i = 0; i < 20; ++i)
    differ += a.NextPause(absl::ZeroDuration()) != b.NextPause(absl::ZeroDuration()) ? 1 : 0;
  EXPECT_GT(differ, 10);
}

TEST(BackoffTest, WaitsNoLongerThanTheDeadlineOrAStopRequestAllow) {
  Backoff backoff;
  const absl::Time start = absl::Now();
  EXPECT_FALSE(backoff.Wait(absl::Hours(1), start + absl::Minutes(1), {}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(backoff.Wait(absl::Hours(1), absl::InfiniteFuture(), stop.get_token()));
  EXPECT_TRUE(backoff.Wait(absl::ZeroDuration(), absl::InfiniteFuture(), {}));
  EXPECT_LT(absl::Now() - start, absl::Minutes(1));
}

}  // namespace
}  // namespace gramian::client
