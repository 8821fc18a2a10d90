// Scores that were computed once.
#ifndef GRAMIAN_ENGINE_RESULT_STORE_H_
#define GRAMIAN_ENGINE_RESULT_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gramian/measure/measure.h"

namespace gramian {

// Scores keyed by both operands' content keys and the canonical measure name, so that an entry
// never goes stale. Thread-safe; a lookup takes microseconds and never waits for a computation.
class ResultStore {
 public:
  virtual ~ResultStore() = default;
  virtual std::optional<Score> Find(const std::string& a_key, const std::string& b_key,
                                    const std::string& measure) const = 0;
  virtual void Insert(const std::string& a_key, const std::string& b_key,
                      const std::string& measure, const Score& score) = 0;
  virtual int64_t size() const = 0;
};

// Keeps the most recently used `limit` scores in memory, limit > 0.
std::unique_ptr<ResultStore> NewMemoryResultStore(int64_t limit);

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_RESULT_STORE_H_
