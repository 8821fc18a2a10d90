// Layers for tests that need some in a store.
#ifndef GRAMIAN_TESTS_TESTING_COMMIT_H_
#define GRAMIAN_TESTS_TESTING_COMMIT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gramian/representation/representation.h"
#include "gramian/store/activation_store.h"

namespace gramian::testing {

// The representation's bytes, as a piece of an upload.
std::string BytesOf(const Representation& representation);

// A plan that announces `representation`, but not its digest, as `description` says.
UploadPlan PlanFor(const LayerDescription& description, const Representation& representation,
                   OnConflict on_conflict = OnConflict::kReject);

// Uploads the representation in one piece and commits it.
absl::StatusOr<StoredLayer> Commit(ActivationStore& store, const LayerDescription& description,
                                   const Representation& representation,
                                   OnConflict on_conflict = OnConflict::kReject);

}  // namespace gramian::testing

#endif  // GRAMIAN_TESTS_TESTING_COMMIT_H_
