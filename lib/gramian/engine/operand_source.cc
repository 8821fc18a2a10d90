#include "gramian/engine/operand_source.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "gramian/base/mutex.h"
#include "gramian/base/status_macros.h"

namespace gramian {

struct OperandSource::State {
  ActivationStore* store = nullptr;
  DerivedCache* cache = nullptr;
  std::vector<StoredLayer> layers;
  std::optional<Fusion> fusion;  // of a network
  std::string key;
  int64_t rows = 0;
  int64_t cols = 0;
  Mutex mutex;  // Held while loading: who comes later waits instead of loading again.
  std::optional<Operand> operand GRAMIAN_GUARDED_BY(mutex);
};

OperandSource::OperandSource(const Operand& operand) : state_(std::make_shared<State>()) {
  state_->key = operand.key();
  state_->rows = operand.rows();
  state_->cols = operand.cols();
  MutexLock lock(state_->mutex);
  state_->operand = operand;
}

OperandSource::OperandSource(ActivationStore* store, StoredLayer layer, DerivedCache* cache)
    : state_(std::make_shared<State>()) {
  state_->store = store;
  state_->cache = cache;
  state_->key = Operand::LayerKey(layer.digest);
  state_->rows = layer.shape.rows;
  state_->cols = layer.shape.cols;
  state_->layers.push_back(std::move(layer));
}

OperandSource::OperandSource(ActivationStore* store, std::vector<StoredLayer> layers,
                             const Fusion& fusion, DerivedCache* cache)
    : state_(std::make_shared<State>()) {
  state_->store = store;
  state_->cache = cache;
  state_->rows = layers.front().shape.rows;
  std::vector<Digest> digests;
  for (const StoredLayer& layer : layers) {
    state_->cols = std::max(state_->cols, layer.shape.cols);
    digests.push_back(layer.digest);
  }
  state_->key = Operand::NetworkKey(digests, fusion);
  state_->fusion = fusion;
  state_->layers = std::move(layers);
}

const std::string& OperandSource::key() const { return state_->key; }
int64_t OperandSource::rows() const { return state_->rows; }
int64_t OperandSource::cols() const { return state_->cols; }

absl::StatusOr<Operand> OperandSource::Load() const {
  MutexLock lock(state_->mutex);
  if (state_->operand.has_value()) return *state_->operand;
  std::vector<std::shared_ptr<const Representation>> layers;
  for (const StoredLayer& layer : state_->layers) {
    GRAMIAN_ASSIGN_OR_RETURN(layers.emplace_back(), state_->store->Load(layer));
  }
  if (state_->fusion.has_value()) {
    state_->operand.emplace(std::move(layers), *state_->fusion, state_->cache);
  } else {
    state_->operand.emplace(std::move(layers.front()), state_->cache);
  }
  return *state_->operand;
}

}  // namespace gramian
