#include "gramian/base/stream_copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace gramian {

#if defined(__SSE2__)

// Such stores are not ordered with the lock or flag that hands the bytes to another thread, and
// waiting for them is what small copies would spend a fifth of their time on.
StreamCopier::~StreamCopier() { _mm_sfence(); }

void StreamCopier::Copy(void* to, const void* from, size_t size) {
  constexpr size_t kLine = 64;
  auto* target = static_cast<char*>(to);
  const auto* source = static_cast<const char*>(from);
  // Only whole lines are written past the caches.
  const size_t misaligned = reinterpret_cast<uintptr_t>(target) % kLine;
  const size_t head = std::min(size, (kLine - misaligned) % kLine);
  std::memcpy(target, source, head);
  size_t done = head;
  for (; size - done >= kLine; done += kLine) {
    const auto* in = reinterpret_cast<const __m128i*>(source + done);
    auto* out = reinterpret_cast<__m128i*>(target + done);
    const __m128i a = _mm_loadu_si128(in);
    const __m128i b = _mm_loadu_si128(in + 1);
    const __m128i c = _mm_loadu_si128(in + 2);
    const __m128i d = _mm_loadu_si128(in + 3);
    _mm_stream_si128(out, a);
    _mm_stream_si128(out + 1, b);
    _mm_stream_si128(out + 2, c);
    _mm_stream_si128(out + 3, d);
  }
  std::memcpy(target + done, source + done, size - done);
}

#else

StreamCopier::~StreamCopier() = default;

void StreamCopier::Copy(void* to, const void* from, size_t size) { std::memcpy(to, from, size); }

#endif

}  // namespace gramian
