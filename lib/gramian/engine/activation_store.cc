#include "gramian/engine/activation_store.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/base/mutex.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

using Layers = std::map<std::string, StoredLayer>;
using Steps = std::map<int64_t, Layers>;
using Networks = std::map<std::string, Steps>;

absl::Status Full(int64_t bytes, int64_t used, int64_t limit) {
  if (bytes > limit) {
    return absl::ResourceExhaustedError(
        absl::StrCat("NEVER_FITS: ", bytes, " bytes exceed the store's limit of ", limit));
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "MEMORY_PRESSURE: ", bytes, " bytes do not fit, ", used, " of ", limit, " are in use"));
}

// What two descriptions of a layer say differently, "ordinal 0, not 5"; empty if they say the same.
std::string Difference(const LayerDescription& is, const LayerDescription& asked) {
  if (is.ordinal != asked.ordinal)
    return absl::StrCat("ordinal ", is.ordinal, ", not ", asked.ordinal);
  const auto texts = [](const char* name, const std::string& a, const std::string& b) {
    return absl::StrCat(name, " '", a, "', not '", b, "'");
  };
  if (is.probe_set != asked.probe_set) return texts("probe set", is.probe_set, asked.probe_set);
  if (is.reduction != asked.reduction) return texts("reduction", is.reduction, asked.reduction);
  if (is.module_path != asked.module_path)
    return texts("module path", is.module_path, asked.module_path);
  return "";
}

class MemoryActivationStore final : public ActivationStore {
 public:
  explicit MemoryActivationStore(const StoreOptions& options) : options_(options) {}

  absl::Status Reserve(int64_t bytes) override {
    if (bytes < 0)
      return absl::InvalidArgumentError(absl::StrCat("cannot reserve ", bytes, " bytes"));
    MutexLock lock(mutex_);
    const int64_t used = bytes_ + reserved_bytes_;
    if (bytes > options_.limit_bytes - used) return Full(bytes, used, options_.limit_bytes);
    reserved_bytes_ += bytes;
    return absl::OkStatus();
  }

  void Release(int64_t bytes) override {
    MutexLock lock(mutex_);
    reserved_bytes_ = std::max<int64_t>(0, reserved_bytes_ - bytes);
  }

  absl::StatusOr<StoredLayer> Commit(const LayerDescription& description,
                                     std::shared_ptr<const Representation> representation,
                                     OnConflict on_conflict) override {
    const LayerKey& key = description.key;
    StoredLayer layer{description, absl::Now(), std::move(representation)};
    // Destroyed after the lock is released: freeing a large array takes a while.
    std::shared_ptr<const Representation> replaced;
    MutexLock lock(mutex_);
    const Layers* layers = FindSnapshot(key.snapshot);
    const StoredLayer* earlier = nullptr;
    if (layers != nullptr) {
      const auto it = layers->find(key.layer);
      if (it != layers->end()) earlier = &it->second;
    }
    if (earlier != nullptr) {
      const bool is_equal = earlier->representation->digest() == layer.representation->digest();
      const std::string difference = Difference(earlier->description, description);
      if (is_equal && difference.empty()) return *earlier;
      if (on_conflict == OnConflict::kReject) {
        return absl::AlreadyExistsError(
            absl::StrCat("layer '", key.layer, "' of ", Name(key.snapshot), " exists with ",
                         is_equal ? difference
                                  : absl::StrCat("other content, digest ",
                                                 earlier->representation->digest().ToHex())));
      }
      replaced = earlier->representation;
      // Readers of the earlier layer and of this one share it.
      if (is_equal) layer.representation.swap(replaced);
    }
    GRAMIAN_RETURN_IF_ERROR(CheckRoom(layer, replaced.get(), layers));
    bytes_ += layer.representation->size_bytes();
    if (replaced != nullptr) bytes_ -= replaced->size_bytes();
    layer_count_ += replaced == nullptr ? 1 : 0;
    projects_[key.snapshot.project][key.snapshot.network][key.snapshot.step].insert_or_assign(
        key.layer, layer);
    return layer;
  }

  absl::StatusOr<StoredLayer> GetLayer(const LayerKey& key) const override {
    MutexLock lock(mutex_);
    const Layers* layers = FindSnapshot(key.snapshot);
    if (layers == nullptr) return MissingSnapshot(key.snapshot);
    const auto it = layers->find(key.layer);
    if (it == layers->end()) {
      return absl::NotFoundError(
          absl::StrCat(Name(key.snapshot), " has no layer '", key.layer, "'"));
    }
    return it->second;
  }

  absl::StatusOr<std::vector<StoredLayer>> ListLayers(const SnapshotKey& key) const override {
    std::vector<StoredLayer> result;
    {
      MutexLock lock(mutex_);
      const Layers* layers = FindSnapshot(key);
      if (layers == nullptr) return MissingSnapshot(key);
      result.reserve(layers->size());
      for (const auto& [name, layer] : *layers) result.push_back(layer);
    }
    // By name already, so that a stable sort breaks ties by name.
    std::stable_sort(result.begin(), result.end(), [](const StoredLayer& a, const StoredLayer& b) {
      return a.description.ordinal < b.description.ordinal;
    });
    return result;
  }

  std::vector<int64_t> ListSteps(const std::string& project,
                                 const std::string& network) const override {
    std::vector<int64_t> result;
    MutexLock lock(mutex_);
    if (const Steps* steps = FindNetwork(project, network)) {
      for (const auto& [step, layers] : *steps) result.push_back(step);
    }
    return result;
  }

  std::vector<std::string> ListNetworks(const std::string& project) const override {
    std::vector<std::string> result;
    MutexLock lock(mutex_);
    const auto it = projects_.find(project);
    if (it == projects_.end()) return result;
    for (const auto& [network, steps] : it->second) result.push_back(network);
    return result;
  }

  absl::Status DeleteSnapshot(const SnapshotKey& key) override {
    Layers removed;  // Destroyed after the lock is released.
    MutexLock lock(mutex_);
    if (FindSnapshot(key) == nullptr) return MissingSnapshot(key);
    const auto project = projects_.find(key.project);
    const auto network = project->second.find(key.network);
    const auto step = network->second.find(key.step);
    removed = std::move(step->second);
    network->second.erase(step);
    if (network->second.empty()) project->second.erase(network);
    if (project->second.empty()) projects_.erase(project);
    for (const auto& [name, layer] : removed) bytes_ -= layer.representation->size_bytes();
    layer_count_ -= static_cast<int64_t>(removed.size());
    return absl::OkStatus();
  }

  StoreStats Stats() const override {
    MutexLock lock(mutex_);
    return {layer_count_, bytes_, reserved_bytes_, options_.limit_bytes};
  }

 private:
  static std::string Name(const SnapshotKey& key) {
    return absl::StrCat("snapshot ", key.network, "@", key.step);
  }

  // A commit takes the place of its caller's reservation, which is given back only afterwards: what
  // is reserved is room for the layers that are being committed.
  absl::Status CheckRoom(const StoredLayer& layer, const Representation* replaced,
                         const Layers* layers) const GRAMIAN_REQUIRES(mutex_) {
    if (replaced == nullptr && layers != nullptr &&
        static_cast<int64_t>(layers->size()) >= options_.layers_per_snapshot) {
      return absl::ResourceExhaustedError(absl::StrCat(Name(layer.description.key.snapshot),
                                                       " has the limit of ",
                                                       options_.layers_per_snapshot, " layers"));
    }
    const int64_t size = layer.representation->size_bytes();
    const int64_t kept = bytes_ - (replaced == nullptr ? 0 : replaced->size_bytes());
    const int64_t claimed = std::max(size, reserved_bytes_);
    if (size > options_.limit_bytes - kept || claimed - size > options_.limit_bytes - kept - size) {
      return Full(size, kept + claimed - size, options_.limit_bytes);
    }
    return absl::OkStatus();
  }

  const Steps* FindNetwork(const std::string& project, const std::string& network) const
      GRAMIAN_REQUIRES(mutex_) {
    const auto networks = projects_.find(project);
    if (networks == projects_.end()) return nullptr;
    const auto steps = networks->second.find(network);
    return steps == networks->second.end() ? nullptr : &steps->second;
  }

  const Layers* FindSnapshot(const SnapshotKey& key) const GRAMIAN_REQUIRES(mutex_) {
    const Steps* steps = FindNetwork(key.project, key.network);
    if (steps == nullptr) return nullptr;
    const auto it = steps->find(key.step);
    return it == steps->end() ? nullptr : &it->second;
  }

  absl::Status MissingSnapshot(const SnapshotKey& key) const GRAMIAN_REQUIRES(mutex_) {
    if (FindNetwork(key.project, key.network) == nullptr) {
      return absl::NotFoundError(
          absl::StrCat("project '", key.project, "' has no network '", key.network, "'"));
    }
    return absl::NotFoundError(absl::StrCat("network '", key.network, "' has no step ", key.step));
  }

  const StoreOptions options_;
  mutable Mutex mutex_;
  // Holds no empty map at any depth: a network is known while it has a layer.
  std::map<std::string, Networks> projects_ GRAMIAN_GUARDED_BY(mutex_);
  int64_t layer_count_ GRAMIAN_GUARDED_BY(mutex_) = 0;
  int64_t bytes_ GRAMIAN_GUARDED_BY(mutex_) = 0;
  int64_t reserved_bytes_ GRAMIAN_GUARDED_BY(mutex_) = 0;
};

}  // namespace

std::unique_ptr<ActivationStore> NewMemoryActivationStore(const StoreOptions& options) {
  return std::make_unique<MemoryActivationStore>(options);
}

}  // namespace gramian
