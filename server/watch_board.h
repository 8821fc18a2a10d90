// The watches of a server: what they compare, when, and what they found.
#ifndef GRAMIAN_SERVER_WATCH_BOARD_H_
#define GRAMIAN_SERVER_WATCH_BOARD_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gramian/base/mutex.h"
#include "gramian/engine/layer_selection.h"
#include "gramian/store/watch_store.h"
#include "server/periodic_task.h"
#include "server/rpc.h"

namespace gramian {

// How it stands with a watch.
enum class WatchStatus { kWaiting, kScored, kFailed };

// A watch and what it last found.
struct WatchReading {
  Watch watch;
  WatchStatus status = WatchStatus::kWaiting;
  double score = 0;             // if kScored
  int64_t step = -1;            // evaluated last, of the network and of the reference
  int64_t reference_step = -1;  //
  absl::Time evaluate_time = absl::InfinitePast();
  std::string message;  // why there is no score
  int64_t evaluations = 0;
  int64_t failures = 0;
};

// Looks at the store twice a second: a watch whose snapshots are not those it evaluated last is due
// once they have not changed for a second, or have kept changing for half a minute. Due watches are
// evaluated one at a time on the batch lane, who is due for longest first. Thread-safe.
//
// A score that belongs to older content stays until the new one is there, with the step it belongs
// to; a failed evaluation leaves none.
class WatchBoard {
 public:
  // Watches of all projects together, whatever the limit of each: /metrics has some five series for
  // each.
  static constexpr int64_t kMaxWatches = 1024;

  // `state` outlives this object. Errors of WatchStore.
  static absl::StatusOr<std::unique_ptr<WatchBoard>> Open(ServerState& state);
  // Stops what is being evaluated and waits for it.
  ~WatchBoard();
  WatchBoard(const WatchBoard&) = delete;
  WatchBoard& operator=(const WatchBoard&) = delete;

  // OK if it is there already and watches the same. ALREADY_EXISTS; RESOURCE_EXHAUSTED, reason
  // LIMIT_EXCEEDED, beyond the limit of the project or kMaxWatches; errors of WatchStore.
  absl::StatusOr<WatchReading> Create(const Watch& watch);
  // NOT_FOUND.
  absl::StatusOr<WatchReading> Get(const std::string& project, const std::string& id) const;
  absl::Status Delete(const std::string& project, const std::string& id);
  // By id; of all projects by project and id.
  std::vector<WatchReading> List(const std::string& project) const;
  std::vector<WatchReading> All() const;
  // Puts the watches into another data directory, for a backup. Errors of WatchStore.
  absl::Status CopyTo(const std::string& data_dir) const { return store_->CopyTo(data_dir); }

 private:
  using Key = std::pair<std::string, std::string>;
  using Clock = std::chrono::steady_clock;

  // What a watch would compare now.
  struct Sides {
    SnapshotSelection network;
    SnapshotSelection reference;
    std::string content;  // steps and digests of both; empty if one is missing
    std::string missing;  // what
  };
  struct Entry {
    WatchReading reading;
    std::string seen;       // content of the last look
    std::string evaluated;  // content of the last evaluation
    Clock::time_point seen_since;
    Clock::time_point due_since;
    bool is_due = false;
    std::stop_source stop;
  };

  WatchBoard(ServerState& state, std::unique_ptr<WatchStore> store,
             const std::vector<Watch>& watches);
  void Look();
  Sides SidesOf(const Watch& watch) const;
  // Notes what there is to compare now.
  void Note(Entry& entry, const Sides& sides, Clock::time_point now) GRAMIAN_REQUIRES(mutex_);
  void StartNext();
  void Evaluate(const Key& key, const Sides& sides, std::stop_token stop);
  absl::StatusOr<double> ScoreOf(const Watch& watch, const Sides& sides,
                                 std::stop_token stop) const;

  ServerState& state_;
  const std::unique_ptr<WatchStore> store_;
  Mutex change_mutex_;  // Held while a watch is kept or forgotten; before mutex_.
  mutable Mutex mutex_;
  std::condition_variable_any ended_;
  std::map<Key, Entry> entries_ GRAMIAN_GUARDED_BY(mutex_);
  std::map<Key, Sides> due_ GRAMIAN_GUARDED_BY(mutex_);
  bool is_evaluating_ GRAMIAN_GUARDED_BY(mutex_) = false;
  bool stopping_ GRAMIAN_GUARDED_BY(mutex_) = false;
  // Last: its destruction waits for a look that is under way.
  std::optional<PeriodicTask> task_;
};

}  // namespace gramian

#endif  // GRAMIAN_SERVER_WATCH_BOARD_H_
