#ifndef GRAMIAN_CLI_TERMINAL_H_
#define GRAMIAN_CLI_TERMINAL_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "gramian/cli/color.h"

namespace gramian::client::cli {

// What an output stream can show.
struct Terminal {
  enum class Colors { kNone, k256, kTrue };

  bool is_tty = false;
  Colors colors = Colors::kNone;
  size_t width = 80;        // characters
  bool has_unicode = true;  // shows more than ASCII
  bool can_redraw = false;  // a line can be written over

  // Asks about an open file descriptor and the environment: NO_COLOR (no-color.org),
  // CLICOLOR_FORCE, COLORTERM, TERM and COLUMNS; and the first of LC_ALL, LC_CTYPE and LANG that is
  // set: unless it names UTF-8 it means ASCII.
  static Terminal Detect(int file_descriptor);
};

// `text` on `background`, in a readable color; `text` itself when there are no colors.
std::string Paint(const std::string& text, Color background, Terminal::Colors colors);

// What stands for the middle of a text that is too long: one character.
absl::string_view Ellipsis(const Terminal& terminal);

// `text` in bold, where the terminal can.
std::string Bold(const std::string& text, const Terminal& terminal);

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_TERMINAL_H_
