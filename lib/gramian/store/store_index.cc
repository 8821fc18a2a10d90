#include "gramian/store/store_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace gramian {

const StoreIndex::Steps* StoreIndex::FindNetwork(const std::string& project,
                                                 const std::string& network) const {
  const auto networks = projects_.find(project);
  if (networks == projects_.end()) return nullptr;
  const auto steps = networks->second.find(network);
  return steps == networks->second.end() ? nullptr : &steps->second;
}

const StoreIndex::Snapshot* StoreIndex::FindSnapshot(const SnapshotKey& key) const {
  const Steps* steps = FindNetwork(key.project, key.network);
  if (steps == nullptr) return nullptr;
  const auto it = steps->find(key.step);
  return it == steps->end() ? nullptr : &it->second;
}

StoreIndex::Snapshot* StoreIndex::FindSnapshot(const SnapshotKey& key) {
  return const_cast<Snapshot*>(std::as_const(*this).FindSnapshot(key));
}

absl::Status StoreIndex::MissingSnapshot(const SnapshotKey& key) const {
  if (FindNetwork(key.project, key.network) == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("project '", key.project, "' has no network '", key.network, "'"));
  }
  return absl::NotFoundError(absl::StrCat("network '", key.network, "' has no step ", key.step));
}

StoredLayer StoreIndex::WithDamage(StoredLayer layer) const {
  layer.damaged = contents_.at(layer.digest)->damaged;
  return layer;
}

SnapshotSummary StoreIndex::Summary(int64_t step, const Snapshot& snapshot) {
  SnapshotSummary summary;
  summary.step = step;
  summary.layers = static_cast<int64_t>(snapshot.layers.size());
  for (const auto& [name, layer] : snapshot.layers) summary.bytes += layer.size_bytes;
  summary.pinned = snapshot.pinned;
  return summary;
}

const StoredLayer* StoreIndex::Find(const LayerKey& key) const {
  const Snapshot* snapshot = FindSnapshot(key.snapshot);
  if (snapshot == nullptr) return nullptr;
  const auto it = snapshot->layers.find(key.layer);
  return it == snapshot->layers.end() ? nullptr : &it->second;
}

absl::StatusOr<StoredLayer> StoreIndex::GetLayer(const LayerKey& key) const {
  if (FindSnapshot(key.snapshot) == nullptr) return MissingSnapshot(key.snapshot);
  const StoredLayer* layer = Find(key);
  if (layer == nullptr) {
    return absl::NotFoundError(
        absl::StrCat(NameOf(key.snapshot), " has no layer '", key.layer, "'"));
  }
  return WithDamage(*layer);
}

absl::StatusOr<std::vector<StoredLayer>> StoreIndex::ListLayers(const SnapshotKey& key) const {
  const Snapshot* snapshot = FindSnapshot(key);
  if (snapshot == nullptr) return MissingSnapshot(key);
  std::vector<StoredLayer> result;
  result.reserve(snapshot->layers.size());
  for (const auto& [name, layer] : snapshot->layers) result.push_back(WithDamage(layer));
  // By name already, so that a stable sort breaks ties by name.
  std::stable_sort(result.begin(), result.end(), [](const StoredLayer& a, const StoredLayer& b) {
    return a.description.ordinal < b.description.ordinal;
  });
  return result;
}

absl::StatusOr<SnapshotSummary> StoreIndex::Summarize(const SnapshotKey& key) const {
  const Snapshot* snapshot = FindSnapshot(key);
  if (snapshot == nullptr) return MissingSnapshot(key);
  return Summary(key.step, *snapshot);
}

std::vector<SnapshotSummary> StoreIndex::ListSnapshots(const std::string& project,
                                                       const std::string& network) const {
  std::vector<SnapshotSummary> result;
  const Steps* steps = FindNetwork(project, network);
  if (steps == nullptr) return result;
  for (const auto& [step, snapshot] : *steps) result.push_back(Summary(step, snapshot));
  return result;
}

std::vector<std::string> StoreIndex::ListNetworks(const std::string& project) const {
  std::vector<std::string> result;
  const auto it = projects_.find(project);
  if (it == projects_.end()) return result;
  for (const auto& [network, steps] : it->second) result.push_back(network);
  return result;
}

std::vector<std::shared_ptr<Content>> StoreIndex::ListContents() const {
  std::vector<std::shared_ptr<Content>> contents;
  for (const auto& entry : contents_) contents.push_back(entry.second);
  return contents;
}

std::shared_ptr<Content> StoreIndex::FindContent(const Digest& digest) const {
  const auto it = contents_.find(digest);
  return it == contents_.end() ? nullptr : it->second;
}

int64_t StoreIndex::LayerCount(const SnapshotKey& key) const {
  const Snapshot* snapshot = FindSnapshot(key);
  return snapshot == nullptr ? 0 : static_cast<int64_t>(snapshot->layers.size());
}

int64_t StoreIndex::ProjectBytes(const std::string& project) const {
  const auto it = project_bytes_.find(project);
  return it == project_bytes_.end() ? 0 : it->second;
}

int64_t StoreIndex::ProjectLayers(const std::string& project) const {
  int64_t layers = 0;
  const auto networks = projects_.find(project);
  if (networks == projects_.end()) return layers;
  for (const auto& [network, steps] : networks->second) {
    for (const auto& [step, snapshot] : steps)
      layers += static_cast<int64_t>(snapshot.layers.size());
  }
  return layers;
}

std::vector<std::string> StoreIndex::ListProjects() const {
  std::vector<std::string> projects;
  for (const auto& [project, networks] : projects_) {
    if (!networks.empty()) projects.push_back(project);
  }
  return projects;
}

template <typename Visit>
void StoreIndex::ForUsers(const std::string& project, const std::string& probe_set,
                          const Visit& visit) const {
  const auto networks = projects_.find(project);
  if (networks == projects_.end()) return;
  for (const auto& [network, steps] : networks->second) {
    for (const auto& [step, snapshot] : steps) {
      for (const auto& [name, layer] : snapshot.layers) {
        if (layer.description.probe_set == probe_set && !visit(layer)) return;
      }
    }
  }
}

const StoredLayer* StoreIndex::FindUser(const std::string& project,
                                        const std::string& probe_set) const {
  const StoredLayer* found = nullptr;
  ForUsers(project, probe_set, [&found](const StoredLayer& layer) {
    found = &layer;
    return false;
  });
  return found;
}

absl::Status StoreIndex::CheckUsers(const ProbeSet& probe_set) const {
  absl::Status status;
  ForUsers(probe_set.project, probe_set.id, [&](const StoredLayer& layer) {
    std::string difference;
    if (layer.shape.rows != probe_set.input_count) {
      difference = absl::StrCat(layer.shape.rows, " inputs, not ", probe_set.input_count);
    } else if (!MayBeSameInputs(layer.input_ids_digest, probe_set.input_ids_digest)) {
      difference = absl::StrCat("inputs with the digest ", layer.input_ids_digest, ", not ",
                                probe_set.input_ids_digest);
    }
    if (difference.empty()) return true;
    const LayerKey& key = layer.description.key;
    status = absl::AlreadyExistsError(absl::StrCat("layer '", key.layer, "' of ",
                                                   NameOf(key.snapshot), " names probe set '",
                                                   probe_set.id, "' and has ", difference));
    return false;
  });
  return status;
}

bool StoreIndex::HoldsUnpinned(const SnapshotKey& key) const {
  const Snapshot* snapshot = FindSnapshot(key);
  if (snapshot == nullptr) return false;
  return std::any_of(snapshot->layers.begin(), snapshot->layers.end(), [this](const auto& layer) {
    return contents_.at(layer.second.digest)->pins == 0;
  });
}

template <typename Includes>
std::vector<SnapshotRecord> StoreIndex::ListIf(const Includes& includes) const {
  std::vector<SnapshotRecord> records;
  for (const auto& [project, networks] : projects_) {
    for (const auto& [network, steps] : networks) {
      for (const auto& [step, snapshot] : steps) {
        if (snapshot.pinned || !includes(snapshot)) continue;
        records.push_back({{project, network, step}, snapshot.pinned, snapshot.used});
      }
    }
  }
  return records;
}

std::vector<SnapshotRecord> StoreIndex::ListUnpinned() const {
  return ListIf([](const Snapshot&) { return true; });
}

std::vector<SnapshotRecord> StoreIndex::ListUnnoted() const {
  return ListIf([](const Snapshot& snapshot) { return snapshot.used != snapshot.noted; });
}

void StoreIndex::AddPins(const Digest& digest, int64_t count) {
  Content& content = *contents_.at(digest);
  const bool was_pinned = content.pins > 0;
  content.pins += count;
  const bool is_pinned = content.pins > 0;
  if (is_pinned == was_pinned) return;
  pinned_bytes_ += is_pinned ? content.size_bytes : -content.size_bytes;
}

std::optional<Digest> StoreIndex::FindReduction(const std::string& project,
                                                const Digest& sent) const {
  const auto it = reductions_.find({project, sent});
  if (it == reductions_.end()) return std::nullopt;
  return it->second.kept;
}

void StoreIndex::AddUser(const StoredLayer& layer, bool pinned) {
  std::shared_ptr<Content>& content = contents_[layer.digest];
  if (content == nullptr) {
    content = std::make_shared<Content>(layer.digest, layer.shape, layer.size_bytes);
    bytes_ += layer.size_bytes;
  }
  const std::string& project = layer.description.key.snapshot.project;
  if (++content->layers[project] == 1) project_bytes_[project] += layer.size_bytes;
  ++layer_count_;
  if (pinned) AddPins(layer.digest, 1);
  if (!layer.reduced_from.has_value()) return;
  Reduction& reduction = reductions_[{project, *layer.reduced_from}];
  reduction.kept = layer.digest;
  ++reduction.layers;
}

void StoreIndex::RemoveUser(const StoredLayer& layer, bool pinned, std::vector<Digest>& unused) {
  --layer_count_;
  if (pinned) AddPins(layer.digest, -1);
  const auto it = contents_.find(layer.digest);
  const std::string& project = layer.description.key.snapshot.project;
  if (layer.reduced_from.has_value()) {
    const auto reduction = reductions_.find({project, *layer.reduced_from});
    if (--reduction->second.layers == 0) reductions_.erase(reduction);
  }
  std::map<std::string, int64_t>& users = it->second->layers;
  if (--users[project] > 0) return;
  users.erase(project);
  int64_t& bytes = project_bytes_[project];
  bytes -= layer.size_bytes;
  if (bytes == 0) project_bytes_.erase(project);
  if (!users.empty()) return;
  bytes_ -= layer.size_bytes;
  unused.push_back(layer.digest);
  contents_.erase(it);
}

std::vector<Digest> StoreIndex::Put(const StoredLayer& layer, absl::Time used) {
  const SnapshotKey& key = layer.description.key.snapshot;
  Snapshot& snapshot = projects_[key.project][key.network][key.step];
  snapshot.used = std::max(snapshot.used, used);
  // First, so that content which both layers share is never without a user.
  AddUser(layer, snapshot.pinned);
  std::vector<Digest> unused;
  const auto [it, is_new] = snapshot.layers.emplace(layer.description.key.layer, layer);
  if (!is_new) {
    RemoveUser(it->second, snapshot.pinned, unused);
    it->second = layer;
  }
  return unused;
}

std::vector<Digest> StoreIndex::Remove(const SnapshotKey& key) {
  std::vector<Digest> unused;
  const auto project = projects_.find(key.project);
  const auto network = project->second.find(key.network);
  const auto step = network->second.find(key.step);
  for (const auto& [name, layer] : step->second.layers) {
    RemoveUser(layer, step->second.pinned, unused);
  }
  network->second.erase(step);
  if (network->second.empty()) project->second.erase(network);
  if (project->second.empty()) projects_.erase(project);
  return unused;
}

void StoreIndex::SetPinned(const SnapshotKey& key, bool pinned) {
  Snapshot* snapshot = FindSnapshot(key);
  if (snapshot == nullptr || snapshot->pinned == pinned) return;
  snapshot->pinned = pinned;
  for (const auto& [name, layer] : snapshot->layers) AddPins(layer.digest, pinned ? 1 : -1);
}

void StoreIndex::SetNoted(absl::Span<const SnapshotRecord> records) {
  for (const SnapshotRecord& record : records) {
    if (Snapshot* snapshot = FindSnapshot(record.key)) snapshot->noted = record.used;
  }
}

void StoreIndex::SetUsed(const SnapshotKey& key, absl::Time used) {
  if (Snapshot* snapshot = FindSnapshot(key)) snapshot->used = std::max(snapshot->used, used);
}

}  // namespace gramian
