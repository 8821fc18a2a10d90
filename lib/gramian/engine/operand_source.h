// One side of a comparison whose activations may still be in the store.
#ifndef GRAMIAN_ENGINE_OPERAND_SOURCE_H_
#define GRAMIAN_ENGINE_OPERAND_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/derived.h"
#include "gramian/geometry/alternating_diffusion.h"
#include "gramian/measure/operand.h"
#include "gramian/store/activation_store.h"

namespace gramian {

// Key and shape of an operand, enough to look up a score, and the operand itself when a score has
// to be computed. Cheap to copy; copies share what was loaded. Thread-safe.
class OperandSource {
 public:
  // What is there already.
  explicit OperandSource(const Operand& operand);
  // A layer. Store and cache outlive the source.
  OperandSource(ActivationStore* store, StoredLayer layer, DerivedCache* cache);
  // A network: layers in execution order, all with the same n, at least one.
  OperandSource(ActivationStore* store, std::vector<StoredLayer> layers, const Fusion& fusion,
                DerivedCache* cache);

  // As the operand says.
  const std::string& key() const;
  int64_t rows() const;
  int64_t cols() const;

  // The operand, loaded once. Errors of ActivationStore::Load, which are tried again next time.
  absl::StatusOr<Operand> Load() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_OPERAND_SOURCE_H_
