#include "gramian/cli/progress_bar.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "gramian/cli/terminal.h"
#include "gramian/cli/text.h"

namespace gramian::client::cli {
namespace {

constexpr int64_t kDrawIntervalMs = 100;

}  // namespace

std::string RenderProgress(int64_t done_bytes, int64_t total_bytes, double elapsed_seconds,
                           size_t width) {
  const double share =
      total_bytes > 0
          ? std::clamp(static_cast<double>(done_bytes) / static_cast<double>(total_bytes), 0.0, 1.0)
          : 1;
  const double rate = elapsed_seconds > 0 ? static_cast<double>(done_bytes) / elapsed_seconds : 0;
  const std::string left =
      rate > 0 ? FormatSeconds(static_cast<double>(total_bytes - done_bytes) / rate) + " left" : "";
  const std::string text =
      absl::StrFormat(" %3.0f %%  %s of %s  %s/s  %s", share * 100, FormatBytes(done_bytes),
                      FormatBytes(total_bytes), FormatBytes(static_cast<int64_t>(rate)), left);
  const size_t text_width = TextWidth(text);
  if (text_width + 6 > width) return text.substr(0, std::min(text.size(), width));
  const size_t bar = std::min<size_t>(width - text_width - 1, 40);
  const auto filled = static_cast<size_t>(share * static_cast<double>(bar));
  std::string line;
  for (size_t i = 0; i < bar; ++i) line += i < filled ? "█" : "░";
  return line + text;
}

ProgressBar::ProgressBar(std::FILE* stream, int64_t total_bytes)
    : stream_(stream), total_bytes_(total_bytes), start_(absl::Now()) {
  const Terminal terminal = Terminal::Detect(fileno(stream));
  if (terminal.is_tty) width_ = terminal.width - 1;
}

ProgressBar::~ProgressBar() {
  if (width_ > 0) absl::FPrintF(stream_, "\r\x1b[2K");
  std::fflush(stream_);
}

void ProgressBar::Add(int64_t bytes) {
  const int64_t done_bytes = done_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (width_ == 0) return;
  const absl::Duration elapsed = absl::Now() - start_;
  const int64_t now_ms = absl::ToInt64Milliseconds(elapsed);
  int64_t next_ms = next_draw_ms_.load(std::memory_order_relaxed);
  if (now_ms < next_ms || !next_draw_ms_.compare_exchange_strong(next_ms, now_ms + kDrawIntervalMs))
    return;
  const std::string line =
      RenderProgress(done_bytes, total_bytes_, absl::ToDoubleSeconds(elapsed), width_);
  absl::FPrintF(stream_, "\r\x1b[2K%s", line);
  std::fflush(stream_);
}

}  // namespace gramian::client::cli
