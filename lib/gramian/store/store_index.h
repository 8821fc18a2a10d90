// What a store knows in memory: names, content and who names it.
#ifndef GRAMIAN_STORE_STORE_INDEX_H_
#define GRAMIAN_STORE_STORE_INDEX_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gramian/base/digest.h"
#include "gramian/base/mutex.h"
#include "gramian/representation/representation.h"
#include "gramian/store/catalog.h"
#include "gramian/store/layer.h"

namespace gramian {

// Content that at least one layer names, or named when a reader got hold of it.
struct Content {
  Content(const Digest& content_digest, const RepresentationShape& content_shape, int64_t bytes)
      : digest(content_digest), shape(content_shape), size_bytes(bytes) {}

  const Digest digest;
  const RepresentationShape shape;
  const int64_t size_bytes;
  // Held while it is loaded, so that it is loaded and verified once.
  Mutex load_mutex;
  // All below is guarded like the index it is in.
  std::map<std::string, int64_t> layers;  // by project: how many name it, > 0
  int64_t pins = 0;                       // how many of these are in pinned snapshots
  std::weak_ptr<const Representation> loaded;
  bool verified = false;  // the blob had this digest since the start
  bool damaged = false;   // the blob is lost
};

// Layers, snapshots and content. Thread-compatible: its user locks.
class StoreIndex {
 public:
  // The layer of this name; null if there is none. Valid until the next change.
  const StoredLayer* Find(const LayerKey& key) const;
  // NOT_FOUND names the part that is missing: network, step or layer.
  absl::StatusOr<StoredLayer> GetLayer(const LayerKey& key) const;
  // By ordinal, then name. NOT_FOUND if there is no such snapshot.
  absl::StatusOr<std::vector<StoredLayer>> ListLayers(const SnapshotKey& key) const;
  absl::StatusOr<SnapshotSummary> Summarize(const SnapshotKey& key) const;
  // By ascending step; empty if the network is unknown.
  std::vector<SnapshotSummary> ListSnapshots(const std::string& project,
                                             const std::string& network) const;
  std::vector<std::string> ListNetworks(const std::string& project) const;
  // Null if no layer names it.
  std::shared_ptr<Content> FindContent(const Digest& digest) const;
  // What tangent data with the digest `sent` are kept as in the project; nothing if no layer was
  // made of them.
  std::optional<Digest> FindReduction(const std::string& project, const Digest& sent) const;
  // All contents, by digest.
  std::vector<std::shared_ptr<Content>> ListContents() const;
  int64_t LayerCount(const SnapshotKey& key) const;
  // Bytes of a project's content, each content once.
  int64_t ProjectBytes(const std::string& project) const;
  int64_t ProjectLayers(const std::string& project) const;
  // Ascending; none without a layer.
  std::vector<std::string> ListProjects() const;
  // Some layer that names the probe set; null if none does.
  const StoredLayer* FindUser(const std::string& project, const std::string& probe_set) const;
  // ALREADY_EXISTS, naming one, if layers that name the probe set have another number of rows or
  // were sent with other input ids.
  absl::Status CheckUsers(const ProbeSet& probe_set) const;
  // Whether deleting the snapshot can free anything, now or once others are gone: pinned ones do
  // not name all of its content. False if there is no such snapshot.
  bool HoldsUnpinned(const SnapshotKey& key) const;
  // All unpinned snapshots with what is kept of them.
  std::vector<SnapshotRecord> ListUnpinned() const;
  // Those of them that were used since SetNoted.
  std::vector<SnapshotRecord> ListUnnoted() const;

  // Adds a layer, or replaces the one of its name; its snapshot counts as used at `used`. Returns
  // the content that no layer names any more.
  std::vector<Digest> Put(const StoredLayer& layer, absl::Time used);
  // Removes a snapshot, which exists. Returns the content that no layer names any more.
  std::vector<Digest> Remove(const SnapshotKey& key);
  // Nothing if there is no such snapshot.
  void SetPinned(const SnapshotKey& key, bool pinned);
  void SetUsed(const SnapshotKey& key, absl::Time used);
  // The catalog holds these times of use, of snapshots that may be gone.
  void SetNoted(absl::Span<const SnapshotRecord> records);

  int64_t layer_count() const { return layer_count_; }
  // Of all content, each once.
  int64_t bytes() const { return bytes_; }
  // Of the content that no pinned snapshot names.
  int64_t unpinned_bytes() const { return bytes_ - pinned_bytes_; }

 private:
  struct Snapshot {
    std::map<std::string, StoredLayer> layers;  // not empty
    bool pinned = false;
    absl::Time used = absl::InfinitePast();
    absl::Time noted = absl::InfinitePast();  // what of it the catalog holds
  };
  using Steps = std::map<int64_t, Snapshot>;
  using Networks = std::map<std::string, Steps>;

  const Steps* FindNetwork(const std::string& project, const std::string& network) const;
  const Snapshot* FindSnapshot(const SnapshotKey& key) const;
  Snapshot* FindSnapshot(const SnapshotKey& key);
  absl::Status MissingSnapshot(const SnapshotKey& key) const;
  StoredLayer WithDamage(StoredLayer layer) const;
  // Calls visit(layer) for the layers that name a probe set until it returns false.
  template <typename Visit>
  void ForUsers(const std::string& project, const std::string& probe_set, const Visit& visit) const;
  // The unpinned snapshots for which includes(snapshot) holds.
  template <typename Includes>
  std::vector<SnapshotRecord> ListIf(const Includes& includes) const;
  static SnapshotSummary Summary(int64_t step, const Snapshot& snapshot);

  void AddUser(const StoredLayer& layer, bool pinned);
  void RemoveUser(const StoredLayer& layer, bool pinned, std::vector<Digest>& unused);
  // `count` more layers of pinned snapshots name the content.
  void AddPins(const Digest& digest, int64_t count);

  // Holds no empty map at any depth: a network is known while it has a layer.
  std::map<std::string, Networks> projects_;
  std::map<Digest, std::shared_ptr<Content>> contents_;
  // By project and digest of what was sent: what it is kept as, and how many layers were made of
  // it.
  struct Reduction {
    Digest kept;
    int64_t layers = 0;
  };
  std::map<std::pair<std::string, Digest>, Reduction> reductions_;
  std::map<std::string, int64_t> project_bytes_;
  int64_t layer_count_ = 0;
  int64_t bytes_ = 0;
  int64_t pinned_bytes_ = 0;
};

}  // namespace gramian

#endif  // GRAMIAN_STORE_STORE_INDEX_H_
