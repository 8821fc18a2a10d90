// Opening a data directory with a catalog that somebody stands in front of.
#ifndef GRAMIAN_STORE_OPEN_DIRECTORY_H_
#define GRAMIAN_STORE_OPEN_DIRECTORY_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "gramian/store/activation_store.h"
#include "gramian/store/catalog.h"

namespace gramian {

// Puts something around the catalog: tests make it fail.
using WrapCatalog = std::function<std::unique_ptr<Catalog>(std::unique_ptr<Catalog>)>;

// ActivationStore::Open of a data directory; `wrap` may be empty.
absl::StatusOr<std::unique_ptr<ActivationStore>> OpenDirectory(const StoreOptions& options,
                                                               const WrapCatalog& wrap);

}  // namespace gramian

#endif  // GRAMIAN_STORE_OPEN_DIRECTORY_H_
