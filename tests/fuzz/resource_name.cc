#include "server/resource_name.h"

#include <string>

#include "gramian/client/resource_name.h"
#include "tests/fuzz/targets.h"

namespace gramian::fuzz {
namespace {

constexpr int64_t kIdBytes = 255;

std::string Format(const ResourceName& name, ResourcePattern pattern) {
  const SnapshotKey snapshot{name.project, name.network, name.step.value_or(0)};
  switch (pattern) {
    case ResourcePattern::kProject:
      return FormatProject(name.project);
    case ResourcePattern::kNetwork:
      return FormatNetwork(name.project, name.network);
    case ResourcePattern::kSnapshot:
      return FormatSnapshot(snapshot);
    case ResourcePattern::kLayer:
      return FormatLayer({snapshot, name.layer});
    case ResourcePattern::kProbeSet:
      return FormatProbeSet(name.project, name.probe_set);
    case ResourcePattern::kWatch:
      return FormatWatch(name.project, name.watch);
  }
  return {};
}

void CheckServer(absl::string_view input, ResourcePattern pattern) {
  const absl::StatusOr<ResourceName> name = ParseResourceName(input, pattern, kIdBytes);
  if (!name.ok()) {
    Require(!name.status().message().empty(), "a refusal has a message");
    return;
  }
  for (const std::string& id :
       {name->project, name->network, name->layer, name->probe_set, name->watch}) {
    Require(id.size() <= kIdBytes, "an id keeps to its limit");
    Require(CheckText(id, "id").ok(), "an id is text");
  }
  Require(!name->project.empty(), "an id is not empty");
  const absl::StatusOr<ResourceName> again =
      ParseResourceName(Format(*name, pattern), pattern, kIdBytes);
  Require(again.ok(), "a formatted name is a name");
  Require(again->project == name->project && again->network == name->network &&
              again->layer == name->layer && again->probe_set == name->probe_set &&
              again->watch == name->watch && (!name->step.has_value() || again->step == name->step),
          "a formatted name means the same");
}

// What the client makes of a short form is a name to the server, if its ids are text and short.
void CheckClient(absl::string_view input) {
  const absl::StatusOr<std::string> snapshot = client::ParseSnapshot("p", input);
  const absl::StatusOr<std::string> layer = client::ParseLayer("p", input);
  if (snapshot.ok()) {
    const auto name = ParseResourceName(*snapshot, ResourcePattern::kSnapshot, kIdBytes);
    Require(name.ok() || input.size() > kIdBytes || !CheckText(input, "input").ok(),
            "the server reads the client's snapshots");
  }
  if (layer.ok()) {
    const auto name = ParseResourceName(*layer, ResourcePattern::kLayer, kIdBytes);
    Require(name.ok() || input.size() > kIdBytes || !CheckText(input, "input").ok(),
            "the server reads the client's layers");
  }
  const absl::StatusOr<std::string> decoded = client::DecodeId(client::EncodeId(input));
  Require(decoded.ok() && *decoded == input, "an encoded id can be decoded");
}

}  // namespace

void FuzzResourceName(absl::string_view input) {
  for (const ResourcePattern pattern :
       {ResourcePattern::kProject, ResourcePattern::kNetwork, ResourcePattern::kSnapshot,
        ResourcePattern::kLayer, ResourcePattern::kProbeSet, ResourcePattern::kWatch}) {
    CheckServer(input, pattern);
  }
  CheckClient(input);
}

}  // namespace gramian::fuzz
