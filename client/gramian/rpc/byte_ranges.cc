#include "gramian/rpc/byte_ranges.h"

#include <algorithm>
#include <iterator>

namespace gramian::client {

ByteRanges::ByteRanges(const std::vector<ByteRange>& ranges) {
  for (const ByteRange& range : ranges) Add(range);
}

void ByteRanges::Add(const ByteRange& range) {
  if (range.begin >= range.end) return;
  ByteRange merged = range;
  auto next = ends_.upper_bound(range.begin);
  if (next != ends_.begin() && std::prev(next)->second >= range.begin) {
    --next;
    merged.begin = next->first;
  }
  while (next != ends_.end() && next->first <= merged.end) {
    merged.end = std::max(merged.end, next->second);
    next = ends_.erase(next);
  }
  ends_[merged.begin] = merged.end;
}

bool ByteRanges::Contains(const ByteRange& range) const {
  if (range.begin >= range.end) return true;
  const auto next = ends_.upper_bound(range.begin);
  return next != ends_.begin() && std::prev(next)->second >= range.end;
}

int64_t ByteRanges::CountMissing(const ByteRanges& other) const {
  int64_t missing = 0;
  for (const auto& [begin, end] : ends_) {
    int64_t position = begin;
    auto there = other.ends_.upper_bound(begin);
    if (there != other.ends_.begin()) --there;
    for (; there != other.ends_.end() && there->first < end; ++there) {
      if (there->second <= position) continue;
      missing += std::max<int64_t>(0, there->first - position);
      position = std::min(end, there->second);
    }
    missing += end - position;
  }
  return missing;
}

std::vector<ByteRange> ByteRanges::ranges() const {
  std::vector<ByteRange> result;
  for (const auto& [begin, end] : ends_) result.push_back({begin, end});
  return result;
}

}  // namespace gramian::client
