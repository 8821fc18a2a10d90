#include "gramian/engine/result_store.h"

#include <list>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/digest.h"
#include "gramian/base/mutex.h"

namespace gramian {
namespace {

struct DigestHash {
  size_t operator()(const Digest& digest) const { return static_cast<size_t>(digest.low); }
};

// Names are hashed to 16 bytes, so that a million scores take about 100 MB whatever the names are.
class MemoryResultStore final : public ResultStore {
 public:
  explicit MemoryResultStore(int64_t limit) : limit_(limit) {}

  std::optional<Score> Find(const std::string& a_key, const std::string& b_key,
                            const std::string& measure) const override {
    const Digest key = Key(a_key, b_key, measure);
    MutexLock lock(mutex_);
    const auto it = index_.find(key);
    if (it == index_.end()) return std::nullopt;
    recent_.splice(recent_.begin(), recent_, it->second);
    return it->second->second;
  }

  void Insert(const std::string& a_key, const std::string& b_key, const std::string& measure,
              const Score& score) override {
    const Digest key = Key(a_key, b_key, measure);
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

  int64_t size() const override {
    MutexLock lock(mutex_);
    return static_cast<int64_t>(index_.size());
  }

 private:
  using Entries = std::list<std::pair<Digest, Score>>;

  static Digest Key(const std::string& a_key, const std::string& b_key,
                    const std::string& measure) {
    const std::string names = absl::StrCat(a_key, b_key, measure);
    return ComputeDigest(absl::StrCat(a_key.size(), ",", b_key.size(), ":"), names.data(),
                         static_cast<int64_t>(names.size()));
  }

  const int64_t limit_;
  mutable Mutex mutex_;
  mutable Entries recent_ GRAMIAN_GUARDED_BY(mutex_);  // Most recently used first.
  std::unordered_map<Digest, Entries::iterator, DigestHash> index_ GRAMIAN_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<ResultStore> NewMemoryResultStore(int64_t limit) {
  return std::make_unique<MemoryResultStore>(limit);
}

}  // namespace gramian
