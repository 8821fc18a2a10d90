// What a killed server must still know.
#ifndef GRAMIAN_TESTS_RELIABILITY_CRASH_MODEL_H_
#define GRAMIAN_TESTS_RELIABILITY_CRASH_MODEL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/reliability/wire.h"

namespace gramian::testing {

// Breaches of what the server promises, from any thread.
class Findings {
 public:
  void Add(const std::string& text);
  bool empty() const;
  std::vector<std::string> texts() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> texts_;
};

struct LayerState {
  Content content;
  int64_t ordinal = 0;
  friend bool operator==(const LayerState&, const LayerState&) = default;
};

struct SnapshotState {
  bool pinned = false;
  std::map<std::string, LayerState> layers;
  friend bool operator==(const SnapshotState&, const SnapshotState&) = default;
};

// Everything visible in one client's networks, by resource name of the snapshot.
using VisibleState = std::map<std::string, SnapshotState>;

// An upload that was begun and not finished.
struct OpenUploadState {
  v1::UploadHeader header;
  Content content;
  int64_t chunk_bytes = 0;
  // What the server said to be persisted: these bytes must not be asked for again.
  std::set<int64_t> persisted_chunks;
  int64_t persisted_bytes = 0;
};

// Scores and digests are functions of contents; whoever sees one first says what it has to be ever
// after. Thread-safe.
class Agreements {
 public:
  // False if another digest was seen for the content.
  bool AgreeOnDigest(const Content& content, const std::string& digest);
  // The digest, if anybody saw one, else empty.
  std::string DigestOf(const Content& content) const;
  // False if other bits were seen for the pair.
  bool AgreeOnScore(const Content& a, const Content& b, double score);

 private:
  using Key = std::tuple<int64_t, int64_t, uint32_t>;
  static Key KeyOf(const Content& content) { return {content.rows, content.cols, content.seed}; }

  mutable std::mutex mutex_;
  std::map<Key, std::string> digests_;
  std::map<std::pair<Key, Key>, double> scores_;
};

// What happened, for the report.
struct CrashCounts {
  std::atomic<int64_t> commits{0};          // acknowledged
  std::atomic<int64_t> resumed_commits{0};  // of these, uploads that went on where they were
  std::atomic<int64_t> deletes{0};          // of snapshots and networks, acknowledged
  std::atomic<int64_t> aborts{0};
  std::atomic<int64_t> pins{0};
  std::atomic<int64_t> scores{0};
  std::atomic<int64_t> unanswered{0};       // operations that the kill left without an answer
  std::atomic<int64_t> verified_layers{0};  // read back after a restart, bit for bit
  std::atomic<int64_t> verified_bytes{0};
  std::atomic<int64_t> verified_uploads{0};  // open ones whose persisted part was there
};

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_RELIABILITY_CRASH_MODEL_H_
