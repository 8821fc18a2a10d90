#include "gramian/store/sqlite.h"

#include <sqlite3.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gramian/base/digest.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/file_system.h"
#include "gramian/base/machine.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

// Marks a file as Gramian's: "GRAM".
constexpr int64_t kApplicationId = 0x4752414D;

// What a transaction adds to a file at least: a page, of SQLite's default size.
constexpr int64_t kPageBytes = 4096;

absl::Status StatusOf(int code, const std::string& path, absl::string_view what) {
  // Of a damaged database SQLite quotes what it found: lines of any bytes.
  const absl::string_view line = what.substr(0, what.find_first_of("\r\n"));
  const std::string message = absl::StrCat(path, ": ", absl::CHexEscape(line));
  switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(message);
    case SQLITE_FULL:
      return DiskFull(message, kPageBytes, RealFileSystem().FreeBytes(path).value_or(0));
    case SQLITE_NOMEM:
      return OutOfMemory(message);
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return absl::PermissionDeniedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

absl::Status Missing(const std::string& path) {
  return absl::NotFoundError(absl::StrCat(path, " is missing or holds nothing"));
}

bool IsMissingOrEmpty(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  return size == 0 || error == std::errc::no_such_file_or_directory;
}

void RowDigest(sqlite3_context* context, int count, sqlite3_value** values) {
  DigestBuilder builder("");
  for (int i = 0; i < count; ++i) {
    const int type = sqlite3_value_type(values[i]);
    // Numbers become texts by this.
    const void* const bytes = sqlite3_value_blob(values[i]);
    const int size = sqlite3_value_bytes(values[i]);
    builder.Update(&type, sizeof(type));
    builder.Update(&size, sizeof(size));
    if (size > 0) builder.Update(bytes, size);
  }
  const std::string digest = builder.Finish().ToHex();
  sqlite3_result_text(context, digest.data(), static_cast<int>(digest.size()), SQLITE_TRANSIENT);
}

std::string PathOf(sqlite3* database) {
  const char* const path = sqlite3_db_filename(database, "main");
  return path == nullptr ? "" : path;
}

absl::Status ErrorOfDatabase(sqlite3* database, int code) {
  return StatusOf(code, PathOf(database), sqlite3_errmsg(database));
}

}  // namespace

void SqliteStatement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

SqliteStatement& SqliteStatement::Bind(int64_t value) {
  const int code = sqlite3_bind_int64(statement_.get(), ++parameter_, value);
  if (bound_ == SQLITE_OK) bound_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::Bind(double value) {
  const int code = sqlite3_bind_double(statement_.get(), ++parameter_, value);
  if (bound_ == SQLITE_OK) bound_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::Bind(absl::string_view text) {
  const int code = sqlite3_bind_text64(statement_.get(), ++parameter_, text.data(), text.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  if (bound_ == SQLITE_OK) bound_ = code;
  return *this;
}

SqliteStatement& SqliteStatement::BindBlob(absl::string_view bytes) {
  const int code = sqlite3_bind_blob64(statement_.get(), ++parameter_, bytes.data(), bytes.size(),
                                       SQLITE_TRANSIENT);
  if (bound_ == SQLITE_OK) bound_ = code;
  return *this;
}

absl::StatusOr<bool> SqliteStatement::Step() {
  sqlite3* const database = sqlite3_db_handle(statement_.get());
  const int bound = std::exchange(bound_, SQLITE_OK);
  parameter_ = 0;
  if (bound != SQLITE_OK) return ErrorOfDatabase(database, bound);
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    return false;
  }
  const absl::Status status = ErrorOfDatabase(database, sqlite3_extended_errcode(database));
  sqlite3_reset(statement_.get());
  return status;
}

absl::Status SqliteStatement::Run() { return Step().status(); }

int64_t SqliteStatement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double SqliteStatement::Real(int column) const {
  return sqlite3_column_double(statement_.get(), column);
}

std::string SqliteStatement::Bytes(int column) const {
  const void* const bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return bytes == nullptr ? ""
                          : std::string(static_cast<const char*>(bytes), static_cast<size_t>(size));
}

SqliteDatabase::SqliteDatabase(std::string path, sqlite3* database)
    : path_(std::move(path)), database_(database) {}

SqliteDatabase::~SqliteDatabase() { sqlite3_close_v2(database_); }

absl::Status SqliteDatabase::ErrorOf(int code) const {
  return StatusOf(code, path_, sqlite3_errmsg(database_));
}

absl::StatusOr<std::unique_ptr<SqliteDatabase>> SqliteDatabase::Open(
    const std::string& path, Durability durability, absl::Span<const char* const> formats,
    Creation creation) {
  // First: of an empty file SQLite would remove the log, which may hold all there is.
  if (creation == Creation::kRefused && IsMissingOrEmpty(path)) return Missing(path);
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(path, handle));
  if (code != SQLITE_OK) return database->ErrorOf(code);
  sqlite3_extended_result_codes(handle, 1);
  const int added =
      sqlite3_create_function_v2(handle, "row_digest", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                                 nullptr, RowDigest, nullptr, nullptr, nullptr);
  if (added != SQLITE_OK) return database->ErrorOf(added);
  GRAMIAN_RETURN_IF_ERROR(database->Prepare(durability, formats, creation));
  return database;
}

absl::Status SqliteDatabase::Prepare(Durability durability, absl::Span<const char* const> formats,
                                     Creation creation) {
  // The lock is held from the first access on, so that the index of the WAL needs no shared memory.
  GRAMIAN_RETURN_IF_ERROR(Execute("PRAGMA locking_mode=EXCLUSIVE"));
  GRAMIAN_RETURN_IF_ERROR(Execute("PRAGMA journal_mode=WAL"));
  GRAMIAN_RETURN_IF_ERROR(Execute(durability == Durability::kNothing
                                      ? "PRAGMA synchronous=FULL"
                                      : "PRAGMA synchronous=NORMAL"));
  const auto number = [this](const char* pragma) -> absl::StatusOr<int64_t> {
    GRAMIAN_ASSIGN_OR_RETURN(SqliteStatement statement, Prepare(pragma));
    GRAMIAN_RETURN_IF_ERROR(statement.Step().status());
    return statement.Integer(0);
  };
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t application, number("PRAGMA application_id"));
  GRAMIAN_ASSIGN_OR_RETURN(const int64_t version, number("PRAGMA user_version"));
  if (application != 0 && application != kApplicationId) {
    return absl::DataLossError(absl::StrCat(path_, " is a database of another program"));
  }
  const auto format = static_cast<int64_t>(formats.size());
  if (version > format) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " has format ", version, ", this program reads up to ", format));
  }
  if (version == 0 && creation == Creation::kRefused) return Missing(path_);
  if (version > 0) GRAMIAN_RETURN_IF_ERROR(Check());
  if (version == format) return absl::OkStatus();
  return Transact([&]() -> absl::Status {
    for (const char* step : formats.subspan(static_cast<size_t>(version))) {
      GRAMIAN_RETURN_IF_ERROR(Execute(step));
    }
    GRAMIAN_RETURN_IF_ERROR(
        Execute(absl::StrCat("PRAGMA application_id=", kApplicationId).c_str()));
    return Execute(absl::StrCat("PRAGMA user_version=", format).c_str());
  });
}

absl::Status SqliteDatabase::Check() {
  GRAMIAN_ASSIGN_OR_RETURN(SqliteStatement check, Prepare("PRAGMA quick_check(1)"));
  GRAMIAN_RETURN_IF_ERROR(check.Step().status());
  const std::string verdict = check.Bytes(0);
  if (verdict == "ok") return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path_, " is damaged: ", verdict));
}

absl::Status SqliteDatabase::Execute(const char* sql) {
  const int code = sqlite3_exec(database_, sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ErrorOf(code);
}

absl::Status SqliteDatabase::CopyTo(const std::string& path) {
  if (!IsMissingOrEmpty(path)) return absl::AlreadyExistsError(absl::StrCat(path, " exists"));
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  const SqliteDatabase copy(path, handle);
  if (code != SQLITE_OK) return copy.ErrorOf(code);
  sqlite3_backup* const backup = sqlite3_backup_init(handle, "main", database_, "main");
  if (backup == nullptr) return copy.ErrorOf(sqlite3_errcode(handle));
  const int copied = sqlite3_backup_step(backup, -1);
  const int finished = sqlite3_backup_finish(backup);
  if (copied != SQLITE_DONE) return copy.ErrorOf(copied);
  return finished == SQLITE_OK ? absl::OkStatus() : copy.ErrorOf(finished);
}

absl::StatusOr<SqliteStatement> SqliteDatabase::Prepare(absl::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v2(database_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  if (code != SQLITE_OK) return ErrorOf(code);
  return SqliteStatement(statement);
}

}  // namespace gramian
