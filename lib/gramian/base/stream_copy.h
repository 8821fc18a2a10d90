// Copies around the caches.
#ifndef GRAMIAN_BASE_STREAM_COPY_H_
#define GRAMIAN_BASE_STREAM_COPY_H_

#include <cstddef>

namespace gramian {

// Copies data that is not read again soon: where the machine can, the target is written without
// being read into the caches first, which costs half as much memory traffic and leaves in the
// caches what is there. Many small copies by one object are as fast as a large one.
class StreamCopier {
 public:
  StreamCopier() = default;
  // Other threads see everything copied as after std::memcpy from here on.
  ~StreamCopier();
  StreamCopier(const StreamCopier&) = delete;
  StreamCopier& operator=(const StreamCopier&) = delete;

  // Like std::memcpy; the bytes are there for this thread at once.
  void Copy(void* to, const void* from, size_t size);
};

}  // namespace gramian

#endif  // GRAMIAN_BASE_STREAM_COPY_H_
