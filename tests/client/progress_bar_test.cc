#include "gramian/cli/progress_bar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "gramian/cli/text.h"

namespace gramian::client::cli {
namespace {

using ::testing::HasSubstr;

TEST(ProgressBarTest, SaysShareRateAndTimeLeft) {
  const std::string line = RenderProgress(int64_t{50} << 20, int64_t{200} << 20, 2.0, 120);
  EXPECT_THAT(line, HasSubstr(" 25 %  50.0 MiB of 200.0 MiB  25.0 MiB/s  6.00 s left"));
  EXPECT_THAT(line, HasSubstr("█"));
}

TEST(ProgressBarTest, FitsAnyTerminal) {
  for (size_t width = 1; width < 200; ++width) {
    EXPECT_LE(TextWidth(RenderProgress(1 << 20, 1 << 30, 0.5, width)), width);
  }
}

TEST(ProgressBarTest, NothingSentAndNothingToSendAreFine) {
  EXPECT_THAT(RenderProgress(0, 100, 0, 80), HasSubstr("  0 %"));
  EXPECT_THAT(RenderProgress(0, 0, 0, 80), HasSubstr("100 %"));
}

TEST(ProgressBarTest, DrawsNothingWhereThereIsNoTerminal) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  {
    ProgressBar bar(file, 100);
    bar.Add(50);
  }
  EXPECT_EQ(std::ftell(file), 0);
  std::fclose(file);
}

}  // namespace
}  // namespace gramian::client::cli
