// The uploads that are open now.
#ifndef GRAMIAN_SERVER_OPEN_UPLOADS_H_
#define GRAMIAN_SERVER_OPEN_UPLOADS_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <set>
#include <thread>

#include "gramian/base/mutex.h"
#include "server/metrics.h"

namespace gramian {

// One open upload, as seen from here.
class OpenUpload {
 public:
  virtual ~OpenUpload() = default;
  // Ends the upload with DEADLINE_EXCEEDED if it waits for its client and has received nothing
  // since `time`.
  virtual void EndIfIdleSince(std::chrono::steady_clock::time_point time) = 0;
};

// Counts open uploads against a limit and ends those whose client has fallen silent, within a
// quarter of `idle_limit` of the moment they may be ended. Thread-safe. Lock order: this before an
// upload's own.
class OpenUploads {
 public:
  // `metrics` outlives this object.
  OpenUploads(int64_t limit, std::chrono::milliseconds idle_limit, Metrics& metrics);
  ~OpenUploads();

  // Takes a place for `upload`; false when `limit` are taken.
  bool TryAdd(OpenUpload* upload);
  // Gives the place of an added upload back: its outcome is known, its client may begin the next.
  // Never locks.
  void FreePlace();
  // After this returns, `upload` is not called any more. No effect if it was not added.
  void Remove(OpenUpload* upload);

 private:
  void Sweep();

  const int64_t limit_;
  const std::chrono::milliseconds idle_limit_;
  Metrics& metrics_;
  std::atomic<int64_t> places_taken_{0};
  Mutex mutex_;
  std::condition_variable_any stop_changed_;
  std::set<OpenUpload*> uploads_ GRAMIAN_GUARDED_BY(mutex_);
  bool stopping_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::thread sweeper_;  // Constant after construction.
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_OPEN_UPLOADS_H_
