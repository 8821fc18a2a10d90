#include "gramian/cli/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gramian/cli/progress_bar.h"

namespace gramian::client::cli {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

// A terminal of our own, 80 columns wide, and the environment while it is looked at.
class TerminalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    winsize size = {};
    size.ws_row = 24;
    size.ws_col = 80;
    ASSERT_EQ(openpty(&main_, &terminal_, nullptr, nullptr, &size), 0);
    for (const char* name : {"NO_COLOR", "CLICOLOR_FORCE", "COLORTERM", "LC_ALL", "LC_CTYPE"})
      unsetenv(name);
    setenv("TERM", "xterm-256color", 1);
    setenv("LANG", "en_US.UTF-8", 1);
  }
  void TearDown() override {
    close(main_);
    close(terminal_);
  }

  // What a progress bar of 100 bytes writes on this terminal.
  std::string DrawProgress(const std::function<void(ProgressBar&)>& use = [](ProgressBar& bar) {
    bar.Add(50);
  }) {
    std::FILE* stream = fdopen(dup(terminal_), "w");
    {
      ProgressBar bar(stream, 100);
      use(bar);
    }
    std::fclose(stream);
    std::string drawn;
    char text[4096];
    bool is_open = write(terminal_, "$", 1) == 1;  // where what was drawn ends
    while (is_open && (drawn.empty() || drawn.back() != '$')) {
      const ssize_t size = read(main_, text, sizeof(text));
      is_open = size > 0;
      if (is_open) drawn.append(text, static_cast<size_t>(size));
    }
    return drawn;
  }

  int main_ = -1;
  int terminal_ = -1;
};

TEST_F(TerminalTest, AModernOneHasColorsUnicodeAndAWidth) {
  const Terminal terminal = Terminal::Detect(terminal_);
  EXPECT_TRUE(terminal.is_tty);
  EXPECT_EQ(terminal.colors, Terminal::Colors::k256);
  EXPECT_EQ(terminal.width, 80U);
  EXPECT_TRUE(terminal.has_unicode);
  EXPECT_TRUE(terminal.can_redraw);
}

TEST_F(TerminalTest, NoColorAndDumbTerminalsHaveNoColors) {
  setenv("NO_COLOR", "1", 1);
  EXPECT_EQ(Terminal::Detect(terminal_).colors, Terminal::Colors::kNone);
  unsetenv("NO_COLOR");
  setenv("TERM", "dumb", 1);
  EXPECT_EQ(Terminal::Detect(terminal_).colors, Terminal::Colors::kNone);
  EXPECT_FALSE(Terminal::Detect(terminal_).can_redraw);
}

TEST_F(TerminalTest, TheLocaleSaysWhetherThereIsMoreThanAscii) {
  setenv("LC_ALL", "C", 1);
  EXPECT_FALSE(Terminal::Detect(terminal_).has_unicode);
  setenv("LC_ALL", "C.UTF-8", 1);
  EXPECT_TRUE(Terminal::Detect(terminal_).has_unicode);
  unsetenv("LC_ALL");
  setenv("LANG", "de_DE.utf8", 1);
  EXPECT_TRUE(Terminal::Detect(terminal_).has_unicode);
  setenv("LC_CTYPE", "POSIX", 1);
  EXPECT_FALSE(Terminal::Detect(terminal_).has_unicode) << "LC_CTYPE comes before LANG";
}

TEST_F(TerminalTest, ProgressIsDrawnWithoutEscapeSequences) {
  const std::string drawn = DrawProgress();
  EXPECT_NE(drawn.find(" 50 %"), std::string::npos) << drawn;
  EXPECT_EQ(drawn.find('\x1b'), std::string::npos) << drawn;
  EXPECT_EQ(drawn.substr(drawn.size() - 2), "\r$") << "erased in the end";
}

TEST_F(TerminalTest, ADumbTerminalSeesNoProgress) {
  setenv("TERM", "dumb", 1);
  EXPECT_EQ(DrawProgress(), "$");
}

TEST_F(TerminalTest, ProgressIsAsciiWhereTheLocaleIs) {
  setenv("LC_ALL", "C", 1);
  for (const char c : DrawProgress()) EXPECT_LT(static_cast<unsigned char>(c), 0x80);
}

TEST_F(TerminalTest, WaitingTakesThePlaceOfTheBarUntilAllGoOn) {
  const std::string drawn = DrawProgress([](ProgressBar& bar) {
    bar.Add(25);
    bar.Wait("the connection is lost");
    bar.Wait("the connection is lost");
    bar.Add(25);
    bar.GoOn();
    bar.GoOn();
  });
  const std::vector<std::string> lines = absl::StrSplit(drawn, '\r');
  ASSERT_EQ(lines.size(), 6U) << drawn;
  EXPECT_THAT(lines[1], HasSubstr(" 25 %"));
  EXPECT_THAT(lines[2], ContainsRegex("^the connection is lost +$"));
  EXPECT_THAT(lines[3], HasSubstr(" 50 %"));
  EXPECT_THAT(lines[4], ContainsRegex("^ +$"));
  EXPECT_EQ(lines[5], "$");
}

}  // namespace
}  // namespace gramian::client::cli
