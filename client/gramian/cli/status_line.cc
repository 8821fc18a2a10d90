#include "gramian/cli/status_line.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "gramian/cli/text.h"

namespace gramian::client::cli {

StatusLine::StatusLine(std::FILE* stream)
    : stream_(stream), terminal_(Terminal::Detect(fileno(stream))) {}

StatusLine::~StatusLine() {
  if (drawn_width_ == 0) return;
  absl::FPrintF(stream_, "\r%s\r", std::string(drawn_width_, ' '));
  std::fflush(stream_);
}

void StatusLine::Draw(const std::string& text) {
  if (!is_shown()) return;
  // The last column stays free: some terminals wrap as soon as it is written.
  const std::string line =
      Shorten(text, std::max<size_t>(terminal_.width, 4) - 1, Ellipsis(terminal_));
  const std::lock_guard lock(mutex_);
  const size_t before = std::exchange(drawn_width_, TextWidth(line));
  absl::FPrintF(stream_, "\r%s", PadRight(line, before));
  std::fflush(stream_);
}

}  // namespace gramian::client::cli
