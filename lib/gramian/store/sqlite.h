// The few things that the stores ask of SQLite, with statuses instead of result codes.
#ifndef GRAMIAN_STORE_SQLITE_H_
#define GRAMIAN_STORE_SQLITE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

struct sqlite3;
struct sqlite3_stmt;

namespace gramian {

// A prepared statement. Thread-compatible; does not outlive its database.
class SqliteStatement {
 public:
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}

  // Give the parameters in order. Texts and blobs are copied. An error turns up in Step.
  SqliteStatement& Bind(int64_t value);
  SqliteStatement& Bind(double value);
  SqliteStatement& Bind(absl::string_view text);
  SqliteStatement& BindBlob(absl::string_view bytes);

  // True if there is a row, false at the end; after that it can be bound anew.
  absl::StatusOr<bool> Step();
  // Step for what returns no rows.
  absl::Status Run();

  // Columns of the row, from 0. Valid until the next step; other types are converted, NULL is 0 or
  // empty.
  int64_t Integer(int column) const;
  double Real(int column) const;
  std::string Bytes(int column) const;

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
  int parameter_ = 0;
  int bound_ = 0;  // SQLITE_OK
};

// One connection, in WAL mode and the only one to its file. Its SQL has one more function:
// row_digest(value, ...), 32 hexadecimal digits that depend on the type and bytes of each value.
// Thread-compatible.
class SqliteDatabase {
 public:
  // How much a commit may lose when the machine (not only the process) stops.
  enum class Durability { kNothing, kLastCommits };

  // Whether Open may begin a database where there is none.
  enum class Creation { kAllowed, kRefused };

  // Opens or creates the file. `formats[i]`, one or more statements, makes format i + 1 of format
  // i: a new file gets all of them, an older one those it lacks, in one transaction. Reads the
  // whole file to check it. Errors name it: DATA_LOSS if it is damaged or no database,
  // FAILED_PRECONDITION if its format is newer than the last of `formats`, NOT_FOUND if `creation`
  // is refused and the file is missing, empty or without a format, PERMISSION_DENIED,
  // RESOURCE_EXHAUSTED (reason DISK_FULL), else UNAVAILABLE.
  static absl::StatusOr<std::unique_ptr<SqliteDatabase>> Open(
      const std::string& path, Durability durability, absl::Span<const char* const> formats,
      Creation creation = Creation::kAllowed);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  absl::Status Execute(const char* sql);
  absl::StatusOr<SqliteStatement> Prepare(absl::string_view sql);
  // Copies all pages, as of now, to a new file and syncs it. ALREADY_EXISTS if there is a database.
  absl::Status CopyTo(const std::string& path);
  // Runs `body`, which returns a status, as one transaction: all of it, or after an error nothing.
  absl::Status Transact(absl::FunctionRef<absl::Status()> body) {
    absl::Status status = Execute("BEGIN IMMEDIATE");
    if (!status.ok()) return status;
    status = body();
    if (status.ok()) status = Execute("COMMIT");
    // Fails when SQLite has rolled back by itself, which is as good.
    if (!status.ok()) (void)Execute("ROLLBACK");
    return status;
  }

 private:
  SqliteDatabase(std::string path, sqlite3* database);
  absl::Status ErrorOf(int code) const;
  absl::Status Prepare(Durability durability, absl::Span<const char* const> formats,
                       Creation creation);
  absl::Status Check();

  const std::string path_;
  sqlite3* const database_;
};

}  // namespace gramian

#endif  // GRAMIAN_STORE_SQLITE_H_
