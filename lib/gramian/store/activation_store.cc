#include "gramian/store/activation_store.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/store/ballast.h"
#include "gramian/store/directory_blob_store.h"
#include "gramian/store/directory_lock.h"
#include "gramian/store/open_directory.h"
#include "gramian/store/recovery.h"
#include "gramian/store/sqlite_catalog.h"
#include "gramian/store/store_core.h"

namespace gramian {

namespace {

// A catalog that is not there names nothing, so that everything in its directory would be removed.
// It is begun only where there is nothing to lose.
absl::StatusOr<std::unique_ptr<Catalog>> OpenCatalog(const std::string& directory,
                                                     DirectoryBlobStore& blobs) {
  const std::string path = absl::StrCat(directory, "/gramian.db");
  absl::StatusOr<std::unique_ptr<Catalog>> catalog =
      OpenSqliteCatalog(path, SqliteDatabase::Creation::kRefused);
  if (!absl::IsNotFound(catalog.status())) return catalog;
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Digest> contents, blobs.ListBlobs());
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<std::string> parts, blobs.ListParts());
  if (contents.empty() && parts.empty()) return OpenSqliteCatalog(path);
  return absl::FailedPreconditionError(
      absl::StrCat(catalog.status().message(), ", but it alone names the ",
                   contents.size() + parts.size(), " activations in ", directory, "/blobs and ",
                   directory, "/uploads; put it back, or move both folders away to begin anew"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ActivationStore>> OpenDirectory(const StoreOptions& options,
                                                               const WrapCatalog& wrap) {
  FileSystem* const files = options.files == nullptr ? &RealFileSystem() : options.files;
  GRAMIAN_RETURN_IF_ERROR(files->CreateDirectories(options.data_dir));
  GRAMIAN_ASSIGN_OR_RETURN(std::unique_ptr<DirectoryLock> lock,
                           DirectoryLock::Acquire(options.data_dir));
  GRAMIAN_ASSIGN_OR_RETURN(std::unique_ptr<DirectoryBlobStore> blobs,
                           DirectoryBlobStore::Open(files, options.data_dir));
  GRAMIAN_ASSIGN_OR_RETURN(std::unique_ptr<Catalog> catalog, OpenCatalog(options.data_dir, *blobs));
  if (wrap) catalog = wrap(std::move(catalog));
  catalog = WithBallast(std::move(catalog), files, absl::StrCat(options.data_dir, "/ballast"));
  GRAMIAN_ASSIGN_OR_RETURN(const Recovered recovered,
                           Recover(*blobs, *catalog, options.on_damage, options.on_removal));
  auto store =
      std::make_unique<StoreCore>(options, std::move(lock), std::move(blobs), std::move(catalog));
  GRAMIAN_RETURN_IF_ERROR(store->Restore(recovered));
  return store;
}

absl::StatusOr<std::unique_ptr<ActivationStore>> ActivationStore::Open(
    const StoreOptions& options) {
  if (!options.data_dir.empty()) return OpenDirectory(options, nullptr);
  return std::make_unique<StoreCore>(options, nullptr, NewMemoryBlobStore(), NewNullCatalog());
}

}  // namespace gramian
