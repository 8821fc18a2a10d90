// Scores that were computed once.
#ifndef GRAMIAN_ENGINE_RESULT_STORE_H_
#define GRAMIAN_ENGINE_RESULT_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gramian/measure/measure.h"

namespace gramian {

// Part of every key on disk. Raised whenever a change of the program may change a bit of a score,
// so that kept scores are those that this program computes.
inline constexpr int64_t kScoreVersion = 1;

// Scores keyed by both operands' content keys and the canonical measure name, so that an entry
// never goes stale. Thread-safe; a lookup takes microseconds and never waits for a computation or
// the disk.
class ResultStore {
 public:
  virtual ~ResultStore() = default;
  virtual std::optional<Score> Find(const std::string& a_key, const std::string& b_key,
                                    const std::string& measure) const = 0;
  virtual void Insert(const std::string& a_key, const std::string& b_key,
                      const std::string& measure, const Score& score) = 0;
  virtual int64_t size() const = 0;
};

// What a score takes of memory, with all that finds it again.
inline constexpr int64_t kScoreBytes = 128;

// Keeps the most recently used `limit` scores in memory, limit > 0, each of kScoreBytes.
std::unique_ptr<ResultStore> NewMemoryResultStore(int64_t limit);

// The same, and keeps the most recently computed `limit` scores of this version in the database at
// `path`: what was inserted is there after a restart, but for the last second before a crash.
// Writing never holds up an insert. What cannot be written waits in memory, with a place for
// `limit` scores, and is tried again every second and when the store is destroyed. A damaged file
// is renamed and a new one begun. Errors of SqliteDatabase::Open otherwise. Reads all scores.
//
// `on_trouble`, which may be empty, is told on any thread: DATA_LOSS naming a damaged file; why
// scores cannot be written, once until they can; how many are lost in the end.
absl::StatusOr<std::unique_ptr<ResultStore>> OpenResultStore(
    const std::string& path, int64_t limit,
    const std::function<void(const absl::Status&)>& on_trouble);

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_RESULT_STORE_H_
