// top: a server at a glance, again and again.
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "gramian/cli/command.h"
#include "gramian/cli/interrupt.h"
#include "gramian/cli/terminal.h"
#include "gramian/cli/top_view.h"

namespace gramian::client::cli {
namespace {

struct TopOptions {
  double interval_seconds = 2;
  bool once = false;
};

// The other screen of a terminal without a cursor, and keys that come one by one and unseen; the
// terminal is as before when this is gone.
class FullScreen {
 public:
  FullScreen() : has_keys_(tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (has_keys_) {
      termios keys = before_;
      keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      tcsetattr(STDIN_FILENO, TCSANOW, &keys);
    }
    Print("\x1b[?1049h\x1b[?25l");
  }
  ~FullScreen() {
    Print("\x1b[?25h\x1b[?1049l");
    if (has_keys_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  // Each line ends what was there of it, the last one everything below.
  static void Draw(const std::string& view) {
    Print("\x1b[H" + absl::StrReplaceAll(view, {{"\n", "\x1b[K\n"}}) + "\nq quits\x1b[K\x1b[J");
  }

  // Whether `q` is typed, or a stop is requested, before `time`.
  bool WaitForEnd(absl::Time time, const std::stop_token& stop) const {
    constexpr int kLookMilliseconds = 100;
    while (absl::Now() < time) {
      if (stop.stop_requested()) return true;
      pollfd keys = {has_keys_ ? STDIN_FILENO : -1, POLLIN, 0};
      if (poll(&keys, 1, kLookMilliseconds) <= 0 || (keys.revents & POLLIN) == 0) continue;
      char key = 0;
      if (read(STDIN_FILENO, &key, 1) == 1 && (key == 'q' || key == 'Q')) return true;
    }
    return stop.stop_requested();
  }

 private:
  termios before_ = {};
  const bool has_keys_;
};

absl::Status ShowTop(const GlobalOptions& globals, const TopOptions& options) {
  if (!(options.interval_seconds >= 0.1))
    return absl::InvalidArgumentError("--interval must be at least 0.1 seconds");
  const bool is_live = !options.once && Terminal::Detect(STDOUT_FILENO).can_redraw;
  InterruptWatcher interrupt;
  const absl::StatusOr<std::unique_ptr<Client>> client = globals.Connect();
  if (!client.ok()) return client.status();
  absl::StatusOr<ServerStats> before = (*client)->GetServerStats();
  if (!before.ok()) return before.status();
  if (!is_live) {
    Print(RenderTop(globals.server, *before, *before));
    return absl::OkStatus();
  }
  const FullScreen screen;
  const std::stop_token stop = interrupt.stop().get_token();
  absl::StatusOr<ServerStats> now = before;
  while (now.ok()) {
    FullScreen::Draw(RenderTop(globals.server, *before, *now));
    if (screen.WaitForEnd(absl::Now() + absl::Seconds(options.interval_seconds), stop))
      return absl::OkStatus();
    before = now;
    now = (*client)->GetServerStats({.stop = stop});
  }
  // Ctrl-C is how this ends.
  return interrupt.was_interrupted() ? absl::OkStatus() : now.status();
}

}  // namespace

void AddTopCommand(CLI::App& app, const GlobalOptions& globals, Action& action) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* top = app.add_subcommand("top", "Calls, queues, caches and memory of the server, live");
  top->add_option("--interval", options->interval_seconds, "Seconds between two looks")
      ->capture_default_str();
  top->add_flag("--once", options->once,
                "One look, with rates since the server started; so it is without a terminal");
  top->footer("\nExamples:\n  gramian top\n  gramian top --once\n");
  top->callback([&globals, &action, options] {
    action = [&globals, options] { return ShowTop(globals, *options); };
  });
}

}  // namespace gramian::client::cli
