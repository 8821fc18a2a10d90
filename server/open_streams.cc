#include "server/open_streams.h"

#include <utility>

namespace gramian {

OpenStreams::OpenStreams(int64_t limit, std::function<void(int64_t)> on_count)
    : limit_(limit), on_count_(std::move(on_count)) {}

bool OpenStreams::TryAdd(OpenStream* stream) {
  MutexLock lock(mutex_);
  if (places_taken_ >= limit_) return false;
  const int64_t taken = ++places_taken_;
  if (on_count_) on_count_(taken);
  streams_.insert(stream);
  return true;
}

void OpenStreams::FreePlace() {
  const int64_t taken = --places_taken_;
  if (on_count_) on_count_(taken);
}

void OpenStreams::Remove(OpenStream* stream) {
  MutexLock lock(mutex_);
  streams_.erase(stream);
}

void OpenStreams::EndIdleSince(std::chrono::steady_clock::time_point time) {
  MutexLock lock(mutex_);
  for (OpenStream* stream : streams_) stream->EndIfIdleSince(time);
}

}  // namespace gramian
