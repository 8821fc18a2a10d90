#include "server/watchdog.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>

namespace gramian {
namespace {

TEST(WatchdogTest, WhoIsInTimeGoesOn) {
  auto watchdog = std::make_unique<Watchdog>(std::chrono::hours(1));
  watchdog.reset();
}

TEST(WatchdogDeathTest, WhoHangsIsEndedWithItsOwnExitCode) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const Watchdog watchdog(std::chrono::milliseconds(1));
        std::promise<void>().get_future().wait_for(std::chrono::minutes(1));
      },
      ::testing::ExitedWithCode(75), "");
}

}  // namespace
}  // namespace gramian
