// The seam behind which a store keeps its metadata.
#ifndef GRAMIAN_STORE_CATALOG_H_
#define GRAMIAN_STORE_CATALOG_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gramian/store/layer.h"
#include "gramian/store/upload.h"

namespace gramian {

// An open upload as it is kept.
struct UploadRecord {
  std::string part;  // names its bytes in the blob store; unique
  UploadPlan plan;   // without input_ids
  std::vector<ByteRange> persisted;
};

// What is kept of a snapshot besides its layers.
struct SnapshotRecord {
  SnapshotKey key;
  bool pinned = false;
  absl::Time used;  // when it was last read or written, about
};

// Everything that a catalog holds.
struct CatalogContents {
  std::vector<StoredLayer> layers;
  std::vector<SnapshotRecord> snapshots;  // one for each snapshot that has a layer
  std::vector<UploadRecord> uploads;
  std::vector<ProbeSet> probe_sets;
};

// Keeps metadata. Each method is one transaction: when it returns OK its effect survives a killed
// process; after an error nothing has changed, except that after DATA_LOSS or UNAVAILABLE the
// change may turn up when the catalog is next opened. RESOURCE_EXHAUSTED (reason DISK_FULL) if
// there is no space. Thread-safe; one transaction runs at a time.
class Catalog {
 public:
  virtual ~Catalog() = default;

  virtual absl::StatusOr<CatalogContents> Read() = 0;

  // Adds the layer, or replaces the one of its name, with its snapshot, which keeps its pin; closes
  // the upload with this part, if any.
  virtual absl::Status PutLayer(const StoredLayer& layer, const std::string& part) = 0;
  // Removes snapshots with their layers.
  virtual absl::Status RemoveSnapshots(absl::Span<const SnapshotKey> keys) = 0;
  // Changes what is kept of snapshots; those that do not exist are left out.
  virtual absl::Status UpdateSnapshots(absl::Span<const SnapshotRecord> snapshots) = 0;

  // Adds an upload, or replaces what is kept of the one with its part.
  virtual absl::Status PutUpload(const UploadRecord& upload) = 0;
  virtual absl::Status RemoveUploads(absl::Span<const std::string> parts) = 0;

  virtual absl::Status AddProbeSet(const ProbeSet& probe_set) = 0;
  virtual absl::Status RemoveProbeSet(const std::string& project, const std::string& id) = 0;

  // Writes all it holds to a new file, synced, from which it can be opened.
  virtual absl::Status CopyTo(const std::string& path) = 0;
};

// Keeps nothing: for a store in memory.
std::unique_ptr<Catalog> NewNullCatalog();

}  // namespace gramian

#endif  // GRAMIAN_STORE_CATALOG_H_
