// Scores in memory, by the digests of their keys.
#ifndef GRAMIAN_ENGINE_SCORE_TABLE_H_
#define GRAMIAN_ENGINE_SCORE_TABLE_H_

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/digest.h"
#include "gramian/base/mutex.h"
#include "gramian/measure/measure.h"

namespace gramian {

// Names are hashed to 16 bytes, so that a score takes kScoreBytes whatever the names are.
inline Digest ScoreKey(const std::string& a_key, const std::string& b_key,
                       const std::string& measure) {
  const std::string names = absl::StrCat(a_key, b_key, measure);
  return ComputeDigest(absl::StrCat(a_key.size(), ",", b_key.size(), ":"), names.data(),
                       static_cast<int64_t>(names.size()));
}

// The most recently used scores. Thread-safe.
class ScoreTable {
 public:
  explicit ScoreTable(int64_t limit) : limit_(limit) {}

  std::optional<Score> Find(const Digest& key) const {
    MutexLock lock(mutex_);
    const auto it = index_.find(key);
    if (it == index_.end()) return std::nullopt;
    recent_.splice(recent_.begin(), recent_, it->second);
    return it->second->second;
  }

  void Insert(const Digest& key, const Score& score) {
    MutexLock lock(mutex_);
    const auto it = index_.find(key);
    if (it != index_.end()) {
      it->second->second = score;
      recent_.splice(recent_.begin(), recent_, it->second);
      return;
    }
    if (static_cast<int64_t>(index_.size()) >= limit_) {
      index_.erase(recent_.back().first);
      recent_.pop_back();
    }
    recent_.emplace_front(key, score);
    index_.emplace(key, recent_.begin());
  }

  int64_t size() const {
    MutexLock lock(mutex_);
    return static_cast<int64_t>(index_.size());
  }

 private:
  using Entries = std::list<std::pair<Digest, Score>>;
  struct DigestHash {
    size_t operator()(const Digest& digest) const { return static_cast<size_t>(digest.low); }
  };

  const int64_t limit_;
  mutable Mutex mutex_;
  mutable Entries recent_ GRAMIAN_GUARDED_BY(mutex_);  // Most recently used first.
  std::unordered_map<Digest, Entries::iterator, DigestHash> index_ GRAMIAN_GUARDED_BY(mutex_);
};

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_SCORE_TABLE_H_
