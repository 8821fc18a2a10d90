#include "server/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <cstddef>
#include <limits>

namespace gramian {

uint32_t ExtendCrc32c(uint32_t crc, absl::string_view data) {
  // ISA-L counts in int and leaves the inversions to the caller.
  constexpr size_t kMaxStep = size_t{1} << 30;
  static_assert(kMaxStep <= std::numeric_limits<int>::max());
  uint32_t state = ~crc;
  while (!data.empty()) {
    const size_t step = std::min(data.size(), kMaxStep);
    // The parameter lacks a const; the function only reads.
    auto* bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(data.data()));
    state = crc32_iscsi(bytes, static_cast<int>(step), state);
    data.remove_prefix(step);
  }
  return ~state;
}

}  // namespace gramian
