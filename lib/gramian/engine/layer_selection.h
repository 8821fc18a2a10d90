// Which layers a request is about.
#ifndef GRAMIAN_ENGINE_LAYER_SELECTION_H_
#define GRAMIAN_ENGINE_LAYER_SELECTION_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/engine/path_report.h"
#include "gramian/store/activation_store.h"

namespace gramian {

// Which layers of a snapshot take part; empty means all, in ordinal order.
struct SnapshotSelection {
  SnapshotKey snapshot;
  std::vector<std::string> layers;
};

// A network as a path: first point, layers, target.
struct PathSelection {
  SnapshotSelection network;
  // The ends, e.g. the inputs themselves and one-hot labels, uploaded like layers; without them the
  // path begins and ends with the network's layers. They are not met again on the way.
  std::optional<LayerKey> input;
  std::optional<LayerKey> target;
};

// "network@step".
std::string ShortName(const SnapshotKey& key);

// Whether the layers see the same inputs as those of `reference`, which is not empty, in the same
// order: FAILED_PRECONDITION, naming the first difference of probe set, n, or the digest of input
// ids. A layer that was sent without ids has only the first two, and fits any order.
absl::Status CheckComparable(const StoredLayer& a, const StoredLayer& b);
absl::Status CheckComparable(const std::vector<StoredLayer>& reference,
                             const std::vector<StoredLayer>& layers);

// At least one layer, in the order asked for. NOT_FOUND.
absl::StatusOr<std::vector<StoredLayer>> Select(const ActivationStore& store,
                                                const SnapshotSelection& selection);

// The points of several paths. Layers with the same content are one point.
struct PathPoints {
  std::vector<StoredLayer> layers;  // one for each point
  std::vector<NetworkPath> paths;   // their layers and points, no analysis
};
// All of them over the same inputs. NOT_FOUND, FAILED_PRECONDITION; INVALID_ARGUMENT if there is
// no path, or one has fewer than two layers.
absl::StatusOr<PathPoints> SelectPaths(const ActivationStore& store,
                                       absl::Span<const PathSelection> paths);

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_LAYER_SELECTION_H_
