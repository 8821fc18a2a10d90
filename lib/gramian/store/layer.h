// Names and descriptions of what is stored.
#ifndef GRAMIAN_STORE_LAYER_H_
#define GRAMIAN_STORE_LAYER_H_

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gramian/base/digest.h"
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

  friend bool operator==(const LayerDescription&, const LayerDescription&) = default;
};

// A committed layer: everything but its activations, which ActivationStore::Load returns.
struct StoredLayer {
  LayerDescription description;
  RepresentationShape shape;
  int64_t size_bytes = 0;
  Digest digest;
  absl::Time create_time;
};

// A snapshot as listed.
struct SnapshotSummary {
  int64_t step = 0;
  int64_t layers = 0;
  int64_t bytes = 0;
  bool pinned = false;
};

// What to do when a layer of that name exists with other content or another description. When both
// are equal, a commit is OK and changes nothing.
enum class OnConflict { kReject, kReplace };

// n inputs in a fixed order, within a project.
struct ProbeSet {
  std::string project;
  std::string id;
  int64_t input_count = 0;             // n >= 1
  std::string input_ids_digest;        // 32 hexadecimal digits; empty if only the count is known
  std::vector<std::string> input_ids;  // in order; empty if unknown
  absl::Time create_time;
};

}  // namespace gramian

#endif  // GRAMIAN_STORE_LAYER_H_
