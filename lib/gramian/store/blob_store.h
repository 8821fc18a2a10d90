// The seam behind which a store keeps the bytes of layers.
#ifndef GRAMIAN_STORE_BLOB_STORE_H_
#define GRAMIAN_STORE_BLOB_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gramian/base/digest.h"
#include "gramian/representation/representation.h"
#include "gramian/representation/representation_builder.h"
#include "gramian/store/upload.h"

namespace gramian {

// Room for the bytes of one upload, until it becomes a blob or is discarded. Destroying it leaves
// the bytes where they are. Takes no descriptor while nothing is called. Thread-safe.
class BlobPart {
 public:
  virtual ~BlobPart() = default;
  virtual const std::string& name() const = 0;
  // When something was last written to it.
  virtual absl::Time write_time() const { return absl::Now(); }
  // Makes what was written so far survive. UNAVAILABLE if that cannot be tried now; DATA_LOSS or
  // RESOURCE_EXHAUSTED: it may never be.
  virtual absl::Status Sync() = 0;
  // A builder that puts its bytes here, where those in `persisted` are already. Call once.
  virtual absl::StatusOr<RepresentationBuilder> NewBuilder(
      absl::Span<const ByteRange> persisted) = 0;
};

// Keeps content by its digest. Thread-safe for different digests; calls that change one digest do
// not overlap.
class BlobStore {
 public:
  virtual ~BlobStore() = default;

  // RESOURCE_EXHAUSTED (reason DISK_FULL or MEMORY_PRESSURE) if there is no room.
  virtual absl::StatusOr<std::unique_ptr<BlobPart>> CreatePart(
      const RepresentationShape& shape) = 0;
  // A part that is there already. NOT_FOUND or DATA_LOSS if it is not as it was created.
  virtual absl::StatusOr<std::unique_ptr<BlobPart>> OpenPart(const std::string& name,
                                                             const RepresentationShape& shape) = 0;
  // Removes a part if it is there; what cannot be removed goes when the store opens next.
  virtual void RemovePart(const std::string& name) = 0;

  // Turns a synced part into the blob of `content`, the outcome of its builder, in place of one
  // that is there. When it returns OK the blob survives; after an error either may be there.
  virtual absl::Status Publish(const BlobPart& part,
                               const std::shared_ptr<const Representation>& content) = 0;
  // Makes a blob the part again that it was made from.
  virtual absl::Status Unpublish(const Digest& digest, const std::string& part) = 0;
  // The content, read back. `verify`: DATA_LOSS unless the bytes have the digest. NOT_FOUND if
  // there is no such blob; DATA_LOSS if it is not what `shape` says; UNAVAILABLE if it cannot be
  // read now.
  virtual absl::StatusOr<std::shared_ptr<const Representation>> Load(
      const Digest& digest, const RepresentationShape& shape, bool verify) = 0;
  // Removes a blob if it is there; what cannot be removed goes when the store opens next.
  virtual void Remove(const Digest& digest) = 0;
  // Puts a damaged blob aside. Returns where it is now.
  virtual absl::StatusOr<std::string> Quarantine(const Digest& digest) = 0;

  // Gives a blob a second name, blobs/ab/<digest>.safetensors under `directory`, made as needed.
  // UNIMPLEMENTED if there can be none.
  virtual absl::Status Link(const Digest& digest, const std::string& directory) = 0;

  // Free space, and all there is; -1 in memory.
  virtual absl::StatusOr<int64_t> FreeBytes() = 0;
  virtual absl::StatusOr<int64_t> TotalBytes() = 0;
};

// In memory.
std::unique_ptr<BlobStore> NewMemoryBlobStore();

}  // namespace gramian

#endif  // GRAMIAN_STORE_BLOB_STORE_H_
