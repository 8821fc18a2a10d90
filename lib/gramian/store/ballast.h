// A way to delete when a disk is full.
#ifndef GRAMIAN_STORE_BALLAST_H_
#define GRAMIAN_STORE_BALLAST_H_

#include <cstdint>
#include <memory>
#include <string>

#include "gramian/base/file_system.h"
#include "gramian/store/catalog.h"

namespace gramian {

// What is kept ready for a deletion: the log of a transaction that removes thousands of layers.
inline constexpr int64_t kBallastBytes = int64_t{1} << 20;

// `catalog` with a file at `path` that only takes room, kBallastBytes of it. When a removal of
// snapshots finds the disk full the file goes and the removal is tried once more; the file comes
// back with a later change, once there is room. That it cannot be made is no error. `files`
// outlives the catalog.
std::unique_ptr<Catalog> WithBallast(std::unique_ptr<Catalog> catalog, FileSystem* files,
                                     const std::string& path);

}  // namespace gramian

#endif  // GRAMIAN_STORE_BALLAST_H_
