#include "gramian/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace gramian::client::cli {
namespace {

absl::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? absl::string_view() : absl::string_view(value);
}

Terminal::Colors DetectColors() {
  const absl::string_view term = Environment("TERM");
  if (!Environment("NO_COLOR").empty() || term.empty() || term == "dumb")
    return Terminal::Colors::kNone;
  const absl::string_view color_term = Environment("COLORTERM");
  if (color_term == "truecolor" || color_term == "24bit" || absl::EndsWith(term, "-direct")) {
    return Terminal::Colors::kTrue;
  }
  return Terminal::Colors::k256;
}

bool DetectUnicode() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const absl::string_view locale = Environment(name);
    if (locale.empty()) continue;
    const std::string lower = absl::AsciiStrToLower(locale);
    return absl::StrContains(lower, "utf-8") || absl::StrContains(lower, "utf8");
  }
  return true;  // containers often set none of them, and terminals show UTF-8
}

// The nearest entry of the 6 x 6 x 6 color cube of 256-color terminals, or of their 24 grays.
int Palette256(Color color) {
  static constexpr int kLevels[] = {0, 95, 135, 175, 215, 255};
  const auto nearest = [](int channel) {
    int best = 0;
    for (int i = 1; i < 6; ++i) {
      if (std::abs(kLevels[i] - channel) < std::abs(kLevels[best] - channel)) best = i;
    }
    return best;
  };
  const auto distance = [&color](int red, int green, int blue) {
    return (red - color.red) * (red - color.red) + (green - color.green) * (green - color.green) +
           (blue - color.blue) * (blue - color.blue);
  };
  const int red = nearest(color.red);
  const int green = nearest(color.green);
  const int blue = nearest(color.blue);
  const int gray = std::clamp(((color.red + color.green + color.blue) / 3 - 3) / 10, 0, 23);
  const int level = 8 + 10 * gray;
  const bool gray_is_nearer =
      distance(level, level, level) < distance(kLevels[red], kLevels[green], kLevels[blue]);
  return gray_is_nearer ? 232 + gray : 16 + 36 * red + 6 * green + blue;
}

}  // namespace

Terminal Terminal::Detect(int file_descriptor) {
  Terminal terminal;
  terminal.is_tty = isatty(file_descriptor) == 1;
  const absl::string_view forced = Environment("CLICOLOR_FORCE");
  if (terminal.is_tty || (!forced.empty() && forced != "0")) terminal.colors = DetectColors();
  terminal.has_unicode = DetectUnicode();
  const absl::string_view term = Environment("TERM");
  terminal.can_redraw = terminal.is_tty && !term.empty() && term != "dumb";
  winsize size = {};
  int columns = 0;
  if (ioctl(file_descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.width = size.ws_col;
  } else if (absl::SimpleAtoi(Environment("COLUMNS"), &columns) && columns > 0) {
    terminal.width = static_cast<size_t>(columns);
  }
  return terminal;
}

std::string Paint(const std::string& text, Color background, Terminal::Colors colors) {
  const Color ink = Contrast(background);
  switch (colors) {
    case Terminal::Colors::kTrue:
      return absl::StrFormat("\x1b[48;2;%d;%d;%dm\x1b[38;2;%d;%d;%dm%s\x1b[0m", background.red,
                             background.green, background.blue, ink.red, ink.green, ink.blue, text);
    case Terminal::Colors::k256:
      return absl::StrFormat("\x1b[48;5;%dm\x1b[38;5;%dm%s\x1b[0m", Palette256(background),
                             Palette256(ink), text);
    case Terminal::Colors::kNone:
      break;
  }
  return text;
}

absl::string_view Ellipsis(const Terminal& terminal) { return terminal.has_unicode ? "…" : "~"; }

std::string Bold(const std::string& text, const Terminal& terminal) {
  return terminal.colors == Terminal::Colors::kNone ? text
                                                    : absl::StrFormat("\x1b[1m%s\x1b[0m", text);
}

}  // namespace gramian::client::cli
