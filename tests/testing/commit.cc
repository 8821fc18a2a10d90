#include "tests/testing/commit.h"

#include "absl/strings/string_view.h"
#include "gramian/base/status_macros.h"

namespace gramian::testing {

std::string BytesOf(const Representation& representation) {
  return std::string(reinterpret_cast<const char*>(representation.data()),
                     static_cast<size_t>(representation.size_bytes()));
}

UploadPlan PlanFor(const LayerDescription& description, const Representation& representation,
                   OnConflict on_conflict) {
  UploadPlan plan;
  plan.description = description;
  plan.shape = representation.shape();
  plan.on_conflict = on_conflict;
  return plan;
}

absl::StatusOr<StoredLayer> Commit(ActivationStore& store, const LayerDescription& description,
                                   const Representation& representation, OnConflict on_conflict) {
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<Upload> upload,
                           store.OpenUpload(PlanFor(description, representation, on_conflict)));
  const absl::string_view bytes(reinterpret_cast<const char*>(representation.data()),
                                static_cast<size_t>(representation.size_bytes()));
  const absl::Status appended = upload->Append(0, 0, {bytes});
  if (!appended.ok()) {
    (void)store.AbortUpload(description.key, upload->plan().upload_id);
    return appended;
  }
  return upload->Commit();
}

}  // namespace gramian::testing
