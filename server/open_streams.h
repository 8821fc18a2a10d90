// The streams of one kind that are open now.
#ifndef GRAMIAN_SERVER_OPEN_STREAMS_H_
#define GRAMIAN_SERVER_OPEN_STREAMS_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <set>

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

// Counts open streams against a limit and ends those whose client has fallen silent. Thread-safe.
// Lock order: this before a stream's own.
class OpenStreams {
 public:
  // `on_count` (may be empty) is told how many places are taken; it must not block.
  explicit OpenStreams(int64_t limit, std::function<void(int64_t)> on_count = nullptr);

  // Streams that may be open.
  int64_t limit() const { return limit_; }
  // Takes a place for `stream`; false when `limit` are taken.
  bool TryAdd(OpenStream* stream);
  // Gives the place of an added stream back: its outcome is known, its client may begin the next.
  // Never locks.
  void FreePlace();
  // After this returns, `stream` is not called any more. No effect if it was not added.
  void Remove(OpenStream* stream);
  // Calls EndIfIdleSince of every stream.
  void EndIdleSince(std::chrono::steady_clock::time_point time);

 private:
  const int64_t limit_;
  const std::function<void(int64_t)> on_count_;
  std::atomic<int64_t> places_taken_{0};
  Mutex mutex_;
  std::set<OpenStream*> streams_ GRAMIAN_GUARDED_BY(mutex_);
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_OPEN_STREAMS_H_
