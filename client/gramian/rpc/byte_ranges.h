#ifndef GRAMIAN_RPC_BYTE_RANGES_H_
#define GRAMIAN_RPC_BYTE_RANGES_H_

#include <cstdint>
#include <map>
#include <vector>

#include "gramian/client/types.h"

namespace gramian::client {

// A set of bytes of a matrix, kept as the fewest ranges. Thread-compatible. Adding and asking cost
// O(log of the number of ranges).
class ByteRanges {
 public:
  ByteRanges() = default;
  explicit ByteRanges(const std::vector<ByteRange>& ranges);

  // Empty and malformed ranges add nothing.
  void Add(const ByteRange& range);

  // Whether every byte of `range` is in the set; an empty one is.
  bool Contains(const ByteRange& range) const;

  // Number of bytes of this set that `other` lacks.
  int64_t CountMissing(const ByteRanges& other) const;

  // Ascending, disjoint, not touching.
  std::vector<ByteRange> ranges() const;

 private:
  std::map<int64_t, int64_t> ends_;  // of each range, by its begin
};

}  // namespace gramian::client

#endif  // GRAMIAN_RPC_BYTE_RANGES_H_
