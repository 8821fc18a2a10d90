#ifndef GRAMIAN_CLI_INTERRUPT_H_
#define GRAMIAN_CLI_INTERRUPT_H_

#include <signal.h>

#include <stop_token>
#include <thread>

namespace gramian::client::cli {

// While it lives, Ctrl-C (SIGINT) and SIGTERM request a stop instead of ending the process; the
// second one ends it. To be made before other threads, which inherit that they do not get these
// signals.
class InterruptWatcher {
 public:
  InterruptWatcher();
  ~InterruptWatcher();
  InterruptWatcher(const InterruptWatcher&) = delete;
  InterruptWatcher& operator=(const InterruptWatcher&) = delete;

  const std::stop_source& stop() const { return stop_; }

  // Whether a signal came.
  bool was_interrupted() const { return interrupted_.stop_requested(); }

 private:
  void Watch(const std::stop_token& end);

  sigset_t signals_ = {};
  sigset_t mask_before_ = {};
  std::stop_source stop_;         // what is to end
  std::stop_source interrupted_;  // by a signal, and by nothing else
  std::jthread thread_;           // last: it uses all the others
};

}  // namespace gramian::client::cli

#endif  // GRAMIAN_CLI_INTERRUPT_H_
