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

// A line on a terminal that is redrawn as bytes are sent; nothing at all where the stream is not a
// terminal. Thread-safe; starts no thread: whoever reports progress redraws, at most ten times a
// second.
class ProgressBar {
 public:
  ProgressBar(std::FILE* stream, int64_t total_bytes);
  void Add(int64_t bytes);

 private:
  // Constant after construction.
  const int64_t total_bytes_;
  const absl::Time start_;

  StatusLine line_;  // thread-safe
  std::atomic<int64_t> done_bytes_{0};
  std::atomic<int64_t> next_draw_ms_{0};  // since start_; who moves it on draws
};

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_PROGRESS_BAR_H_
