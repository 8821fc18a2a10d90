// What a store does when it finds a data directory as some earlier process left it.
#ifndef GRAMIAN_STORE_RECOVERY_H_
#define GRAMIAN_STORE_RECOVERY_H_

#include <functional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gramian/base/digest.h"
#include "gramian/store/catalog.h"
#include "gramian/store/directory_blob_store.h"

namespace gramian {

// What is there.
struct Recovered {
  CatalogContents contents;
  std::set<Digest> lost;  // content that layers name and that has no sound blob
};

// Brings catalog and blobs into agreement, whatever was cut short where. A blob that no layer names
// is removed, or, if it was published by an upload that was never committed, becomes its part
// again (a copy, if layers name it). A part without an upload and an upload without a part are
// removed. A named blob with a wrong size or header is put in quarantine; its data are not read.
// `on_damage` is told what was lost, `on_removal` what nothing named; either may be empty. Errors
// of Catalog::Read, and of what cannot be read now.
absl::StatusOr<Recovered> Recover(DirectoryBlobStore& blobs, Catalog& catalog,
                                  const std::function<void(const absl::Status&)>& on_damage,
                                  const std::function<void(const std::string&)>& on_removal);

}  // namespace gramian

#endif  // GRAMIAN_STORE_RECOVERY_H_
