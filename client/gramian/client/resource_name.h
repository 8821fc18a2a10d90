#ifndef GRAMIAN_CLIENT_RESOURCE_NAME_H_
#define GRAMIAN_CLIENT_RESOURCE_NAME_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gramian::client {

// Resource names are
//
//   projects/{project}/networks/{network}/snapshots/{step}/layers/{layer}
//   projects/{project}/probeSets/{probe_set}
//   projects/{project}/watches/{watch}
//
// and their prefixes. Ids are percent-encoded (every byte but the unreserved ones of RFC 3986 as
// %XX), because layers are called things like `encoder/0:relu`. The functions below take and give
// ids as a person writes them.

// `id` percent-encoded.
std::string EncodeId(absl::string_view id);

// The inverse of EncodeId. INVALID_ARGUMENT for a '%' that two hexadecimal digits do not follow.
absl::StatusOr<std::string> DecodeId(absl::string_view encoded);

std::string ProjectName(absl::string_view project);
std::string NetworkName(absl::string_view project, absl::string_view network);

// `step` >= 0.
std::string SnapshotName(absl::string_view project, absl::string_view network, int64_t step);

// The newest snapshot of a network, whichever it is when the server reads the name.
std::string LastSnapshotName(absl::string_view project, absl::string_view network);

// `snapshot` is a resource name, `layer` a module path.
std::string LayerName(absl::string_view snapshot, absl::string_view layer);

std::string ProbeSetName(absl::string_view project, absl::string_view probe_set);
std::string WatchName(absl::string_view project, absl::string_view watch);

// The resource name of a snapshot in short form, `network@step` or `network@last`. The last '@'
// separates: a network may have an '@' in its name. INVALID_ARGUMENT for any other text, and for a
// negative step.
absl::StatusOr<std::string> ParseSnapshot(absl::string_view project, absl::string_view text);

// The resource name of a layer in short form, `network@step/layer`: the first '/' after the '@'
// begins the module path. INVALID_ARGUMENT for any other text.
absl::StatusOr<std::string> ParseLayer(absl::string_view project, absl::string_view text);

// A snapshot's resource name in short form, `network@step`; anything else as it is.
std::string ShortName(absl::string_view snapshot_name);

}  // namespace gramian::client

#endif  // GRAMIAN_CLIENT_RESOURCE_NAME_H_
