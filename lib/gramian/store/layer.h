// Names and descriptions of what is stored.
#ifndef GRAMIAN_STORE_LAYER_H_
#define GRAMIAN_STORE_LAYER_H_

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
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
  std::string input_ids_digest;  // of its inputs in order, as ProbeSet's; empty if nobody said
  bool damaged = false;  // the content was lost: Load is DATA_LOSS until it is uploaded again
  // The digest of the tangent data that were sent if the content is what they were reduced to.
  std::optional<Digest> reduced_from = {};

  // The digest of what was sent.
  const Digest& sent_digest() const { return reduced_from.has_value() ? *reduced_from : digest; }
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

// What `asked` says differently from `is`, as "ordinal 0, not 5"; empty if they say the same. The
// keys are not compared.
std::string Difference(const LayerDescription& is, const LayerDescription& asked);

// "snapshot net@3".
std::string NameOf(const SnapshotKey& key);

// The digest of the ids of inputs, in order: ProbeSet::input_ids_digest.
std::string DigestOfInputIds(absl::Span<const std::string> input_ids);

// Whether two digests of input ids may be of the same inputs: an empty one says nothing.
bool MayBeSameInputs(absl::string_view a, absl::string_view b);

// Whether `rows` inputs with these ids (both empty if unknown) are those of `probe_set`;
// FAILED_PRECONDITION naming the first difference: the count,
// the first id that differs, or the digest.
absl::Status CheckInputs(const ProbeSet& probe_set, int64_t rows,
                         absl::Span<const std::string> input_ids,
                         const std::string& input_ids_digest);

}  // namespace gramian

#endif  // GRAMIAN_STORE_LAYER_H_
