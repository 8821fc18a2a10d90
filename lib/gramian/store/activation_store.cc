#include "gramian/store/activation_store.h"

#include "gramian/store/store_core.h"

namespace gramian {

absl::StatusOr<std::unique_ptr<ActivationStore>> ActivationStore::Open(
    const StoreOptions& options) {
  return std::make_unique<StoreCore>(options, nullptr, NewMemoryBlobStore(), NewNullCatalog());
}

}  // namespace gramian
