// The catalog of a store with a data directory.
#ifndef GRAMIAN_STORE_SQLITE_CATALOG_H_
#define GRAMIAN_STORE_SQLITE_CATALOG_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gramian/store/catalog.h"
#include "gramian/store/sqlite.h"

namespace gramian {

// Opens or creates the database at `path`. Errors of SqliteDatabase::Open.
absl::StatusOr<std::unique_ptr<Catalog>> OpenSqliteCatalog(
    const std::string& path,
    SqliteDatabase::Creation creation = SqliteDatabase::Creation::kAllowed);

}  // namespace gramian

#endif  // GRAMIAN_STORE_SQLITE_CATALOG_H_
