// Copies around the caches.
#ifndef GRAMIAN_BASE_STREAM_COPY_H_
#define GRAMIAN_BASE_STREAM_COPY_H_

#include <cstddef>

namespace gramian {

// Like std::memcpy, for data that is not read again soon: where the machine can, the target is
// written without being read into the caches first, which costs half as much memory traffic and
// leaves in the caches what is there. Other threads see the bytes as after std::memcpy.
void StreamCopy(void* to, const void* from, size_t size);

}  // namespace gramian

#endif  // GRAMIAN_BASE_STREAM_COPY_H_
