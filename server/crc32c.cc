#include "server/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <cstddef>

namespace gramian {

uint32_t ExtendCrc32c(uint32_t crc, absl::string_view data) {
  // Bytes that were just received are in a far cache: what comes two steps later is asked for here.
  constexpr size_t kStep = 2048;
  constexpr size_t kAhead = 2 * kStep;
  constexpr size_t kLine = 64;
  // ISA-L leaves the inversions to the caller.
  uint32_t state = ~crc;
  for (size_t begin = 0; begin < data.size(); begin += kStep) {
    const absl::string_view ahead = data.substr(std::min(begin + kAhead, data.size()), kStep);
    for (size_t i = 0; i < ahead.size(); i += kLine) __builtin_prefetch(&ahead[i]);
    const absl::string_view step = data.substr(begin, kStep);
    // The parameter lacks a const; the function only reads.
    auto* bytes = reinterpret_cast<unsigned char*>(const_cast<char*>(step.data()));
    state = crc32_iscsi(bytes, static_cast<int>(step.size()), state);
  }
  return ~state;
}

}  // namespace gramian
