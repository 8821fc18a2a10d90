// Resource names: how projects, networks, snapshots, layers and probe sets are written in requests
// and answers.
#ifndef GRAMIAN_SERVER_RESOURCE_NAME_H_
#define GRAMIAN_SERVER_RESOURCE_NAME_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gramian/store/layer.h"

namespace gramian {

// A parsed name. Ids are decoded. What the pattern does not have is empty.
struct ResourceName {
  std::string project;
  std::string network;
  std::optional<int64_t> step;  // nothing: the alias `last`, or a pattern without a step
  std::string layer;
  std::string probe_set;
  std::string watch;
};

enum class ResourcePattern {
  kProject,   // projects/{project}
  kNetwork,   // projects/{project}/networks/{network}
  kSnapshot,  // projects/{project}/networks/{network}/snapshots/{step}
  kLayer,     // projects/{project}/networks/{network}/snapshots/{step}/layers/{layer}
  kProbeSet,  // projects/{project}/probeSets/{probe_set}
  kWatch,     // projects/{project}/watches/{watch}
};

// Reads `name`, in which every byte of an id but letters, digits and `-._~` is written %XX.
// INVALID_ARGUMENT, naming the part, if it does not follow the pattern, an id is empty, longer than
// `id_bytes` when decoded, or no text (CheckText), or the step is neither a number without sign and
// leading zeros nor `last`.
absl::StatusOr<ResourceName> ParseResourceName(absl::string_view name, ResourcePattern pattern,
                                               int64_t id_bytes);

// Whether ParseResourceName may take `text` for a name of any pattern: it begins as one, has only
// the bytes that names are written with, and is no longer than three ids of `id_bytes` make it.
// Whatever else a stranger sends is not worth keeping or printing.
bool MayBeName(absl::string_view text, int64_t id_bytes);

// The id of the project that `name` is about, decoded as ParseResourceName does, so that one
// project has one; empty if it names none, or not as it should.
std::string ProjectOf(absl::string_view name);

// OK if `text` is valid UTF-8 without control characters; otherwise INVALID_ARGUMENT, calling it
// `what`.
absl::Status CheckText(absl::string_view text, absl::string_view what);

// The names of things, percent-encoded.
std::string FormatProject(absl::string_view project);
std::string FormatNetwork(absl::string_view project, absl::string_view network);
std::string FormatSnapshot(const SnapshotKey& key);
std::string FormatLayer(const LayerKey& key);
std::string FormatProbeSet(absl::string_view project, absl::string_view probe_set);
std::string FormatWatch(absl::string_view project, absl::string_view watch);

}  // namespace gramian

#endif  // GRAMIAN_SERVER_RESOURCE_NAME_H_
