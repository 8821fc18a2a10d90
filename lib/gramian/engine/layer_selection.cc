#include "gramian/engine/layer_selection.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/digest.h"
#include "gramian/base/status_macros.h"

namespace gramian {

std::string ShortName(const SnapshotKey& key) { return absl::StrCat(key.network, "@", key.step); }

absl::Status CheckComparable(const StoredLayer& a, const StoredLayer& b) {
  const auto differ = [&](const auto& of_a, const auto& of_b) {
    const LayerKey& a_key = a.description.key;
    const LayerKey& b_key = b.description.key;
    return absl::FailedPreconditionError(
        absl::StrCat("layer '", a_key.layer, "' of ", ShortName(a_key.snapshot), " has ", of_a,
                     ", layer '", b_key.layer, "' of ", ShortName(b_key.snapshot), " has ", of_b));
  };
  if (a.description.probe_set != b.description.probe_set) {
    return differ(absl::StrCat("probe set '", a.description.probe_set, "'"),
                  absl::StrCat("probe set '", b.description.probe_set, "'"));
  }
  if (a.shape.rows != b.shape.rows) {
    return differ(absl::StrCat(a.shape.rows, " inputs"), absl::StrCat(b.shape.rows, " inputs"));
  }
  if (!MayBeSameInputs(a.input_ids_digest, b.input_ids_digest)) {
    return differ(absl::StrCat("inputs with the digest ", a.input_ids_digest),
                  absl::StrCat("inputs with the digest ", b.input_ids_digest));
  }
  return absl::OkStatus();
}

absl::Status CheckComparable(const std::vector<StoredLayer>& reference,
                             const std::vector<StoredLayer>& layers) {
  const StoredLayer* known = nullptr;  // The first that says which inputs it has seen.
  for (const std::vector<StoredLayer>* some : {&reference, &layers}) {
    for (const StoredLayer& layer : *some) {
      GRAMIAN_RETURN_IF_ERROR(CheckComparable(reference.front(), layer));
      if (known == nullptr && !layer.input_ids_digest.empty()) known = &layer;
      if (known != nullptr) GRAMIAN_RETURN_IF_ERROR(CheckComparable(*known, layer));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<StoredLayer>> Select(const ActivationStore& store,
                                                const SnapshotSelection& selection) {
  if (selection.layers.empty()) return store.ListLayers(selection.snapshot);
  std::vector<StoredLayer> layers;
  for (const std::string& name : selection.layers) {
    GRAMIAN_ASSIGN_OR_RETURN(StoredLayer layer, store.GetLayer({selection.snapshot, name}));
    layers.push_back(std::move(layer));
  }
  return layers;
}

namespace {

// The points of a path, at least two.
absl::StatusOr<std::vector<StoredLayer>> SelectPath(const ActivationStore& store,
                                                    const PathSelection& path) {
  GRAMIAN_ASSIGN_OR_RETURN(std::vector<StoredLayer> layers, Select(store, path.network));
  std::erase_if(layers, [&](const StoredLayer& layer) {
    return path.input == layer.description.key || path.target == layer.description.key;
  });
  if (path.input.has_value()) {
    GRAMIAN_ASSIGN_OR_RETURN(StoredLayer input, store.GetLayer(*path.input));
    layers.insert(layers.begin(), std::move(input));
  }
  if (path.target.has_value()) {
    GRAMIAN_ASSIGN_OR_RETURN(StoredLayer target, store.GetLayer(*path.target));
    layers.push_back(std::move(target));
  }
  if (layers.size() >= 2) return layers;
  return absl::InvalidArgumentError(
      absl::StrCat("the path of ", ShortName(path.network.snapshot), " has fewer than two points"));
}

}  // namespace

absl::StatusOr<PathPoints> SelectPaths(const ActivationStore& store,
                                       absl::Span<const PathSelection> paths) {
  if (paths.empty()) return absl::InvalidArgumentError("no network is given");
  PathPoints result;
  std::map<Digest, Index> index;  // of each content in result.layers
  for (const PathSelection& selection : paths) {
    GRAMIAN_ASSIGN_OR_RETURN(const std::vector<StoredLayer> layers, SelectPath(store, selection));
    GRAMIAN_RETURN_IF_ERROR(
        CheckComparable(result.layers.empty() ? layers : result.layers, layers));
    NetworkPath& path = result.paths.emplace_back();
    for (const StoredLayer& layer : layers) {
      const auto next = static_cast<Index>(result.layers.size());
      const auto [it, is_new] = index.emplace(layer.digest, next);
      if (is_new) result.layers.push_back(layer);
      path.layers.push_back(layer.description.key);
      path.points.push_back(it->second);
    }
  }
  return result;
}

}  // namespace gramian
