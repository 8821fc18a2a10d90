#include "gramian/store/watch_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gramian/base/mutex.h"
#include "gramian/base/status_macros.h"
#include "gramian/store/sqlite.h"
#include "gramian/store/texts.h"

namespace gramian {
namespace {

// A reference to the newest snapshot has the step -1.
constexpr char kFormat1[] = R"sql(
CREATE TABLE watches(
  project TEXT NOT NULL, id TEXT NOT NULL, network TEXT NOT NULL,
  reference_network TEXT NOT NULL, reference_step INTEGER NOT NULL, layers BLOB NOT NULL,
  measure TEXT NOT NULL, created_ns INTEGER NOT NULL, checksum TEXT NOT NULL,
  PRIMARY KEY(project, id)) WITHOUT ROWID;
)sql";
constexpr const char* kFormats[] = {kFormat1};
constexpr int64_t kNewest = -1;

std::string FileIn(const std::string& data_dir) { return absl::StrCat(data_dir, "/watches.db"); }

absl::Status Damaged() {
  return absl::DataLossError("watches.db holds a row that has not its checksum");
}

class MemoryWatchStore final : public WatchStore {
 public:
  absl::StatusOr<std::vector<Watch>> Read() override { return std::vector<Watch>(); }
  absl::Status Add(const Watch&) override { return absl::OkStatus(); }
  absl::Status Remove(const std::string&, const std::string&) override { return absl::OkStatus(); }
  absl::Status CopyTo(const std::string&) override { return absl::OkStatus(); }
};

class SqliteWatchStore final : public WatchStore {
 public:
  explicit SqliteWatchStore(std::unique_ptr<SqliteDatabase> database)
      : database_(std::move(database)) {}

  absl::StatusOr<std::vector<Watch>> Read() override {
    MutexLock lock(mutex_);
    GRAMIAN_ASSIGN_OR_RETURN(
        SqliteStatement row,
        database_->Prepare(
            "SELECT project,id,network,reference_network,reference_step,layers,measure,created_ns,"
            "checksum=row_digest(project,id,network,reference_network,reference_step,layers,"
            "measure,created_ns) FROM watches ORDER BY project,id"));
    std::vector<Watch> watches;
    while (true) {
      GRAMIAN_ASSIGN_OR_RETURN(const bool has_row, row.Step());
      if (!has_row) return watches;
      if (row.Integer(8) == 0) return Damaged();
      Watch watch;
      watch.project = row.Bytes(0);
      watch.id = row.Bytes(1);
      watch.network = row.Bytes(2);
      watch.reference_network = row.Bytes(3);
      if (row.Integer(4) != kNewest) watch.reference_step = row.Integer(4);
      std::optional<std::vector<std::string>> layers = DecodeTexts(row.Bytes(5));
      if (!layers.has_value()) return Damaged();
      watch.layers = *std::move(layers);
      watch.measure = row.Bytes(6);
      watch.create_time = absl::FromUnixNanos(row.Integer(7));
      watches.push_back(std::move(watch));
    }
  }

  absl::Status Add(const Watch& watch) override {
    MutexLock lock(mutex_);
    GRAMIAN_ASSIGN_OR_RETURN(
        SqliteStatement add,
        database_->Prepare("INSERT INTO watches VALUES(?1,?2,?3,?4,?5,?6,?7,?8,"
                           "row_digest(?1,?2,?3,?4,?5,?6,?7,?8))"));
    return add.Bind(watch.project)
        .Bind(watch.id)
        .Bind(watch.network)
        .Bind(watch.reference_network)
        .Bind(watch.reference_step.value_or(kNewest))
        .BindBlob(EncodeTexts(watch.layers))
        .Bind(watch.measure)
        .Bind(absl::ToUnixNanos(watch.create_time))
        .Run();
  }

  absl::Status Remove(const std::string& project, const std::string& id) override {
    MutexLock lock(mutex_);
    GRAMIAN_ASSIGN_OR_RETURN(SqliteStatement remove,
                             database_->Prepare("DELETE FROM watches WHERE project=? AND id=?"));
    return remove.Bind(project).Bind(id).Run();
  }

  absl::Status CopyTo(const std::string& data_dir) override {
    MutexLock lock(mutex_);
    return database_->CopyTo(FileIn(data_dir));
  }

 private:
  Mutex mutex_;
  const std::unique_ptr<SqliteDatabase> database_ GRAMIAN_GUARDED_BY(mutex_);
};

}  // namespace

bool Watch::IsLike(const Watch& other) const {
  return network == other.network && reference_network == other.reference_network &&
         reference_step == other.reference_step && layers == other.layers &&
         measure == other.measure;
}

absl::StatusOr<std::unique_ptr<WatchStore>> WatchStore::Open(const std::string& data_dir) {
  if (data_dir.empty()) return std::make_unique<MemoryWatchStore>();
  GRAMIAN_ASSIGN_OR_RETURN(
      std::unique_ptr<SqliteDatabase> database,
      SqliteDatabase::Open(FileIn(data_dir), SqliteDatabase::Durability::kNothing, kFormats));
  return std::make_unique<SqliteWatchStore>(std::move(database));
}

}  // namespace gramian
