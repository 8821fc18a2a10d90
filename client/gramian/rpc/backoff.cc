#include "gramian/rpc/backoff.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "absl/time/clock.h"

namespace gramian::client {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(5);

}  // namespace

Backoff::Backoff() : pause_(kFirstPause), random_(std::random_device()()) {}

absl::Duration Backoff::NextPause(absl::Duration at_least) {
  const double share = std::uniform_real_distribution<double>(0.5, 1.5)(random_);
  const absl::Duration pause = std::max(at_least, pause_) * share;
  pause_ = std::min(2 * pause_, kLongestPause);
  return std::max(pause, at_least);
}

bool Backoff::Wait(absl::Duration at_least, absl::Time deadline, const std::stop_token& stop) {
  const absl::Time end = absl::Now() + NextPause(at_least);
  if (end >= deadline) return false;
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_until(lock, stop, absl::ToChronoTime(end), [] { return false; });
  return !stop.stop_requested();
}

void Backoff::Reset() { pause_ = kFirstPause; }

}  // namespace gramian::client
