// Where committed representations live: the seam that memory implements today and a durable store
// implements next.
#ifndef GRAMIAN_ENGINE_ACTIVATION_STORE_H_
#define GRAMIAN_ENGINE_ACTIVATION_STORE_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gramian/representation/representation.h"

namespace gramian {

// A network at a step. Strings are raw (not percent-encoded), non-empty.
struct SnapshotKey {
  std::string project;
  std::string network;
  int64_t step = 0;  // >= 0; steps are keys and may arrive in any order

  friend auto operator<=>(const SnapshotKey&, const SnapshotKey&) = default;
  friend bool operator==(const SnapshotKey&, const SnapshotKey&) = default;
};

// A layer of a snapshot.
struct LayerKey {
  SnapshotKey snapshot;
  std::string layer;

  friend auto operator<=>(const LayerKey&, const LayerKey&) = default;
  friend bool operator==(const LayerKey&, const LayerKey&) = default;
};

// What is said about a layer when it is uploaded.
struct LayerDescription {
  LayerKey key;
  std::string module_path;  // raw name in the training code; may be empty
  std::string probe_set;    // rows of two layers correspond only within one probe set
  std::string reduction;    // "none", "flatten", "avg_pool", ...; free text, stored
  int64_t ordinal = 0;  // execution order within the snapshot; fusion uses it, ties by layer name
};

// A committed layer.
struct StoredLayer {
  LayerDescription description;
  absl::Time create_time;
  std::shared_ptr<const Representation> representation;  // never null
};

// What to do when a layer of that name exists with other content or another description. When both
// are equal, Commit is OK and changes nothing.
enum class OnConflict { kReject, kReplace };

// Totals for metrics.
struct StoreStats {
  int64_t layers = 0;
  int64_t bytes = 0;           // of committed representations
  int64_t reserved_bytes = 0;  // promised to open uploads
  int64_t limit_bytes = 0;
};

// Layers by key within a byte budget. Thread-safe. Readers get shared pointers, so that deleting
// never pulls data from under a computation.
class ActivationStore {
 public:
  virtual ~ActivationStore() = default;

  // Sets `bytes` of the budget aside for an upload that is about to be read. RESOURCE_EXHAUSTED,
  // naming bytes and limit, if they can never fit (the message begins with "NEVER_FITS") or do not
  // fit now ("MEMORY_PRESSURE").
  virtual absl::Status Reserve(int64_t bytes) = 0;
  // Gives a reservation back: after Commit (whatever it returned) or instead of it.
  virtual void Release(int64_t bytes) = 0;

  // Adds a layer. ALREADY_EXISTS, naming what differs, if the name holds other content or another
  // description and on_conflict is kReject; with kReplace, equal content keeps the representation
  // that is there and takes the new description.
  // RESOURCE_EXHAUSTED if the snapshot has its limit of layers or the bytes do not fit beside what
  // others hold; the caller's own reservation counts as room. Returns the layer as stored (the
  // earlier one, when content and description are equal).
  virtual absl::StatusOr<StoredLayer> Commit(const LayerDescription& description,
                                             std::shared_ptr<const Representation> representation,
                                             OnConflict on_conflict) = 0;

  // NOT_FOUND names the part that is missing: network, step or layer.
  virtual absl::StatusOr<StoredLayer> GetLayer(const LayerKey& key) const = 0;
  // Layers by ordinal, then name. NOT_FOUND if the snapshot has none.
  virtual absl::StatusOr<std::vector<StoredLayer>> ListLayers(const SnapshotKey& key) const = 0;
  // Steps of a network, ascending; empty if it is unknown.
  virtual std::vector<int64_t> ListSteps(const std::string& project,
                                         const std::string& network) const = 0;
  // Names of a project's networks, ascending.
  virtual std::vector<std::string> ListNetworks(const std::string& project) const = 0;
  // Removes a snapshot with its layers. NOT_FOUND if it does not exist.
  virtual absl::Status DeleteSnapshot(const SnapshotKey& key) = 0;

  virtual StoreStats Stats() const = 0;
};

// Limits of a store.
struct StoreOptions {
  int64_t limit_bytes = int64_t{4} << 30;  // > 0
  int64_t layers_per_snapshot = 4096;      // > 0
};

// Holds everything in memory; gone with the process.
std::unique_ptr<ActivationStore> NewMemoryActivationStore(const StoreOptions& options);

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_ACTIVATION_STORE_H_
