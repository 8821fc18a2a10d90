#include "gramian/cli/progress_bar.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "gramian/cli/text.h"

namespace gramian::client::cli {
namespace {

constexpr int64_t kDrawIntervalMs = 100;

}  // namespace

std::string RenderProgress(int64_t done_bytes, int64_t total_bytes, double elapsed_seconds,
                           size_t width, bool has_unicode) {
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
  const absl::string_view full = has_unicode ? "█" : "#";
  const absl::string_view empty = has_unicode ? "░" : "-";
  std::string line;
  for (size_t i = 0; i < bar; ++i) absl::StrAppend(&line, i < filled ? full : empty);
  return line + text;
}

ProgressBar::ProgressBar(std::FILE* stream, int64_t total_bytes)
    : stream_(stream), total_bytes_(total_bytes), start_(absl::Now()), line_(stream) {}

void ProgressBar::Add(int64_t bytes) {
  const int64_t done_bytes = done_bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (!line_.is_shown() || waiting_ > 0) return;
  const absl::Duration elapsed = absl::Now() - start_;
  const int64_t now_ms = absl::ToInt64Milliseconds(elapsed);
  int64_t next_ms = next_draw_ms_.load(std::memory_order_relaxed);
  if (now_ms < next_ms || !next_draw_ms_.compare_exchange_strong(next_ms, now_ms + kDrawIntervalMs))
    return;
  Draw(done_bytes, elapsed);
}

void ProgressBar::Wait(const std::string& why) {
  if (waiting_++ > 0) return;
  if (line_.is_shown()) return line_.Draw(why);
  absl::FPrintF(stream_, "gramian: %s\n", why);
  std::fflush(stream_);
}

void ProgressBar::GoOn() {
  if (--waiting_ == 0 && line_.is_shown()) Draw(done_bytes_, absl::Now() - start_);
}

void ProgressBar::Draw(int64_t done_bytes, absl::Duration elapsed) {
  const Terminal& terminal = line_.terminal();
  line_.Draw(RenderProgress(done_bytes, total_bytes_, absl::ToDoubleSeconds(elapsed),
                            terminal.width - 1, terminal.has_unicode));
}

}  // namespace gramian::client::cli
