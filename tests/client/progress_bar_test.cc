#include "gramian/cli/progress_bar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
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

// A file and what was written to it.
class Written {
 public:
  Written() : file_(std::tmpfile()) {}
  ~Written() { std::fclose(file_); }
  std::FILE* file() const { return file_; }
  std::string text() const {
    std::string text(static_cast<size_t>(std::ftell(file_)), '\0');
    std::rewind(file_);
    EXPECT_EQ(std::fread(text.data(), 1, text.size(), file_), text.size());
    return text;
  }

 private:
  std::FILE* const file_;
};

TEST(ProgressBarTest, WaitingIsOneLineWhereThereIsNoTerminal) {
  const Written written;
  {
    ProgressBar bar(written.file(), 100);
    for (int layer = 0; layer < 3; ++layer) bar.Wait("the connection is lost");
    for (int layer = 0; layer < 3; ++layer) bar.GoOn();
    bar.Add(50);
    bar.Wait("again");
  }
  EXPECT_EQ(written.text(), "gramian: the connection is lost\ngramian: again\n");
}

}  // namespace
}  // namespace gramian::client::cli
