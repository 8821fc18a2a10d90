// The streams of one kind that are open now.
#ifndef GRAMIAN_SERVER_OPEN_STREAMS_H_
#define GRAMIAN_SERVER_OPEN_STREAMS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "gramian/base/mutex.h"

namespace gramian {

// One open stream, as seen from here.
class OpenStream {
 public:
  virtual ~OpenStream() = default;
  // Ends the stream if it waits for its client and has done so since `time` or longer. Does not
  // wait and calls nothing here but FreePlace.
  virtual void EndIfIdleSince(std::chrono::steady_clock::time_point time) = 0;
};

// Counts open streams against a limit for each owner, and ends those whose client has fallen
// silent. An owner is whoever should not take the places of others: a project, or the same for all
// streams. Thread-safe. Lock order: this before a stream's own.
class OpenStreams {
 public:
  // `on_count` (may be empty) is told how many places are taken; it must not block.
  explicit OpenStreams(int64_t limit, std::function<void(int64_t)> on_count = nullptr);

  // Streams of one owner that may be open.
  int64_t limit() const { return limit_; }
  // From now on `stream` is asked whether it is idle.
  void Add(OpenStream* stream);
  // Takes a place for a stream of `owner`; false when it has taken limit(), or `less`.
  bool TryTakePlace(const std::string& owner) { return TryTakePlace(owner, limit_); }
  bool TryTakePlace(const std::string& owner, int64_t less);
  // Gives a place back: the stream's outcome is known, its client may begin the next.
  void FreePlace(const std::string& owner);
  // After this returns, `stream` is not called any more. No effect if it was not added.
  void Remove(OpenStream* stream);
  // Calls EndIfIdleSince of every stream.
  void EndIdleSince(std::chrono::steady_clock::time_point time);

 private:
  const int64_t limit_;
  const std::function<void(int64_t)> on_count_;
  // Held for a moment, inside any other lock.
  Mutex places_mutex_;
  std::map<std::string, int64_t> places_ GRAMIAN_GUARDED_BY(places_mutex_);  // > 0 of each owner
  int64_t places_taken_ GRAMIAN_GUARDED_BY(places_mutex_) = 0;
  Mutex mutex_;
  std::set<OpenStream*> streams_ GRAMIAN_GUARDED_BY(mutex_);
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_OPEN_STREAMS_H_
