#ifndef GRAMIAN_CLI_STATUS_LINE_H_
#define GRAMIAN_CLI_STATUS_LINE_H_

#include <cstddef>
#include <cstdio>
#include <mutex>
#include <string>

#include "gramian/cli/terminal.h"

namespace gramian::client::cli {

// A line on a terminal that is drawn over and over while something lasts, and then erased: without
// escape sequences, which not every terminal knows. Nothing at all where the stream is no terminal
// or one that cannot go back to the start of a line. Thread-safe.
class StatusLine {
 public:
  explicit StatusLine(std::FILE* stream);
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  bool is_shown() const { return terminal_.can_redraw; }
  const Terminal& terminal() const { return terminal_; }

  // Shows `text`, of which nothing wraps, in place of what was there.
  void Draw(const std::string& text);

 private:
  std::FILE* const stream_;
  const Terminal terminal_;
  std::mutex mutex_;
  size_t drawn_width_ = 0;  // guarded by mutex_
};

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_STATUS_LINE_H_
