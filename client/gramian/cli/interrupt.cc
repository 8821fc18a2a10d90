#include "gramian/cli/interrupt.h"

#include <unistd.h>

#include <ctime>

#include "gramian/cli/command.h"

namespace gramian::client::cli {
namespace {

constexpr timespec kLook = {0, 50'000'000};  // how often the end is looked for, between signals

}  // namespace

InterruptWatcher::InterruptWatcher() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, &mask_before_);
  thread_ = std::jthread([this](const std::stop_token& end) { Watch(end); });
}

InterruptWatcher::~InterruptWatcher() {
  thread_.request_stop();
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void InterruptWatcher::Watch(const std::stop_token& end) {
  while (!end.stop_requested()) {
    if (sigtimedwait(&signals_, nullptr, &kLook) < 0) continue;
    if (was_interrupted()) _exit(kInterrupted);
    interrupted_.request_stop();
    stop_.request_stop();
  }
}

}  // namespace gramian::client::cli
