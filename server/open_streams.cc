#include "server/open_streams.h"

#include <algorithm>
#include <utility>

namespace gramian {

OpenStreams::OpenStreams(int64_t limit, std::function<void(int64_t)> on_count)
    : limit_(limit), on_count_(std::move(on_count)) {}

void OpenStreams::Add(OpenStream* stream) {
  MutexLock lock(mutex_);
  streams_.insert(stream);
}

bool OpenStreams::TryTakePlace(const std::string& owner, int64_t less) {
  MutexLock lock(places_mutex_);
  const auto taken = places_.find(owner);
  if (taken != places_.end() && taken->second >= std::min(less, limit_)) return false;
  ++places_[owner];
  ++places_taken_;
  if (on_count_) on_count_(places_taken_);
  return true;
}

void OpenStreams::FreePlace(const std::string& owner) {
  MutexLock lock(places_mutex_);
  const auto it = places_.find(owner);
  if (--it->second == 0) places_.erase(it);
  --places_taken_;
  if (on_count_) on_count_(places_taken_);
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
