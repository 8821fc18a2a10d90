#ifndef GRAMIAN_CLI_PROGRESS_BAR_H_
#define GRAMIAN_CLI_PROGRESS_BAR_H_

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/time/time.h"
#include "gramian/cli/status_line.h"

namespace gramian::client::cli {

// What is done after `elapsed_seconds`, as one line of at most `width` characters, only ASCII
// without `has_unicode`: bar, share, bytes, rate and time left.
std::string RenderProgress(int64_t done_bytes, int64_t total_bytes, double elapsed_seconds,
                           size_t width, bool has_unicode = true);

// A line on a terminal that is redrawn as bytes are sent; where the stream is not a terminal only
// waiting is told. Thread-safe; starts no thread: whoever reports progress redraws, at most ten
// times a second.
class ProgressBar {
 public:
  ProgressBar(std::FILE* stream, int64_t total_bytes);
  void Add(int64_t bytes);

  // Nothing is sent for now, as `why` says: shown in place of the bar until as many calls of GoOn
  // as of this, by several threads, have come. Elsewhere than on a terminal it is a line.
  void Wait(const std::string& why);
  void GoOn();

 private:
  void Draw(int64_t done_bytes, absl::Duration elapsed);

  // Constant after construction.
  std::FILE* const stream_;
  const int64_t total_bytes_;
  const absl::Time start_;

  StatusLine line_;  // thread-safe
  std::atomic<int64_t> done_bytes_{0};
  std::atomic<int64_t> next_draw_ms_{0};  // since start_; who moves it on draws
  std::atomic<int64_t> waiting_{0};
};

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_PROGRESS_BAR_H_
