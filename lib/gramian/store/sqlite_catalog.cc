#include "gramian/store/sqlite_catalog.h"

#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/mutex.h"
#include "gramian/base/status_macros.h"
#include "gramian/store/texts.h"

namespace gramian {
namespace {

constexpr char kFormat1[] = R"sql(
CREATE TABLE layers(
  project TEXT NOT NULL, network TEXT NOT NULL, step INTEGER NOT NULL, layer TEXT NOT NULL,
  module_path TEXT NOT NULL, probe_set TEXT NOT NULL, reduction TEXT NOT NULL,
  ordinal INTEGER NOT NULL, dtype TEXT NOT NULL, row_count INTEGER NOT NULL,
  col_count INTEGER NOT NULL, digest TEXT NOT NULL, created_ns INTEGER NOT NULL,
  PRIMARY KEY(project, network, step, layer)) WITHOUT ROWID;
CREATE TABLE snapshots(
  project TEXT NOT NULL, network TEXT NOT NULL, step INTEGER NOT NULL,
  pinned INTEGER NOT NULL, used_ns INTEGER NOT NULL,
  PRIMARY KEY(project, network, step)) WITHOUT ROWID;
CREATE TABLE uploads(
  part TEXT NOT NULL PRIMARY KEY,
  project TEXT NOT NULL, network TEXT NOT NULL, step INTEGER NOT NULL, layer TEXT NOT NULL,
  module_path TEXT NOT NULL, probe_set TEXT NOT NULL, reduction TEXT NOT NULL,
  ordinal INTEGER NOT NULL, dtype TEXT NOT NULL, row_count INTEGER NOT NULL,
  col_count INTEGER NOT NULL, upload_id TEXT NOT NULL, expected_digest TEXT NOT NULL,
  replaces INTEGER NOT NULL, input_ids_digest TEXT NOT NULL, persisted BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE probe_sets(
  project TEXT NOT NULL, id TEXT NOT NULL, input_count INTEGER NOT NULL,
  input_ids_digest TEXT NOT NULL, input_ids BLOB NOT NULL, created_ns INTEGER NOT NULL,
  PRIMARY KEY(project, id)) WITHOUT ROWID;
)sql";

constexpr char kFormat2[] = R"sql(
ALTER TABLE layers ADD COLUMN input_ids_digest TEXT NOT NULL DEFAULT '';
)sql";

// A table, without the checksum of its rows.
struct Table {
  const char* name;
  int count;  // of columns
  const char* columns;
};

constexpr Table kLayers = {"layers", 17,
                           "project,network,step,layer,module_path,probe_set,reduction,ordinal,"
                           "dtype,row_count,col_count,digest,created_ns,input_ids_digest,"
                           "row_kind,coordinates,reduced_from"};
constexpr Table kSnapshots = {"snapshots", 5, "project,network,step,pinned,used_ns"};
constexpr Table kUploads = {
    "uploads", 19,
    "part,project,network,step,layer,module_path,probe_set,reduction,ordinal,dtype,row_count,"
    "col_count,upload_id,expected_digest,replaces,input_ids_digest,persisted,row_kind,coordinates"};
constexpr Table kProbeSets = {"probe_sets", 6,
                              "project,id,input_count,input_ids_digest,input_ids,created_ns"};

// Turned bits in a row look like another row to SQLite.
constexpr char kFormat3[] = R"sql(
ALTER TABLE layers ADD COLUMN checksum TEXT NOT NULL DEFAULT '';
ALTER TABLE snapshots ADD COLUMN checksum TEXT NOT NULL DEFAULT '';
ALTER TABLE uploads ADD COLUMN checksum TEXT NOT NULL DEFAULT '';
ALTER TABLE probe_sets ADD COLUMN checksum TEXT NOT NULL DEFAULT '';
UPDATE layers SET checksum=row_digest(
  project,network,step,layer,module_path,probe_set,reduction,ordinal,
  dtype,row_count,col_count,digest,created_ns,input_ids_digest);
UPDATE snapshots SET checksum=row_digest(project,network,step,pinned,used_ns);
UPDATE uploads SET checksum=row_digest(
  part,project,network,step,layer,module_path,probe_set,reduction,ordinal,dtype,row_count,
  col_count,upload_id,expected_digest,replaces,input_ids_digest,persisted);
UPDATE probe_sets SET checksum=row_digest(
  project,id,input_count,input_ids_digest,input_ids,created_ns);
)sql";

// Tangent data.
constexpr char kFormat4[] = R"sql(
ALTER TABLE layers ADD COLUMN row_kind TEXT NOT NULL DEFAULT 'activations';
ALTER TABLE layers ADD COLUMN coordinates INTEGER NOT NULL DEFAULT 0;
ALTER TABLE layers ADD COLUMN reduced_from TEXT NOT NULL DEFAULT '';
ALTER TABLE uploads ADD COLUMN row_kind TEXT NOT NULL DEFAULT 'activations';
ALTER TABLE uploads ADD COLUMN coordinates INTEGER NOT NULL DEFAULT 0;
UPDATE layers SET checksum=row_digest(
  project,network,step,layer,module_path,probe_set,reduction,ordinal,dtype,row_count,col_count,
  digest,created_ns,input_ids_digest,row_kind,coordinates,reduced_from)
  WHERE checksum=row_digest(
  project,network,step,layer,module_path,probe_set,reduction,ordinal,
  dtype,row_count,col_count,digest,created_ns,input_ids_digest);
UPDATE uploads SET checksum=row_digest(
  part,project,network,step,layer,module_path,probe_set,reduction,ordinal,dtype,row_count,
  col_count,upload_id,expected_digest,replaces,input_ids_digest,persisted,row_kind,coordinates)
  WHERE checksum=row_digest(
  part,project,network,step,layer,module_path,probe_set,reduction,ordinal,dtype,row_count,
  col_count,upload_id,expected_digest,replaces,input_ids_digest,persisted);
)sql";

constexpr const char* kFormats[] = {kFormat1, kFormat2, kFormat3, kFormat4};

// "INSERT INTO snapshots(...) VALUES(?1,...)", to which its parameters are bound in order.
std::string Insert(absl::string_view verb, const Table& table) {
  std::string parameters = "?1";
  for (int i = 2; i <= table.count; ++i) absl::StrAppend(&parameters, ",?", i);
  return absl::StrCat(verb, " INTO ", table.name, "(", table.columns, ",checksum) VALUES(",
                      parameters, ",row_digest(", parameters, "))");
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the catalog holds ", what));
}

absl::StatusOr<DType> ParseDtype(const std::string& name) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kFloat64}) {
    if (name == ToString(dtype)) return dtype;
  }
  return Damaged(absl::StrCat("an unknown dtype '", name, "'"));
}

void Bind(SqliteStatement& statement, const SnapshotKey& key) {
  statement.Bind(key.project).Bind(key.network).Bind(key.step);
}

// The twelve columns, from `project` to `col_count`, that layers and uploads share.
void Bind(SqliteStatement& statement, const LayerDescription& description,
          const RepresentationShape& shape) {
  Bind(statement, description.key.snapshot);
  statement.Bind(description.key.layer)
      .Bind(description.module_path)
      .Bind(description.probe_set)
      .Bind(description.reduction)
      .Bind(description.ordinal)
      .Bind(ToString(shape.dtype))
      .Bind(shape.rows)
      .Bind(shape.cols);
}

void Bind(SqliteStatement& statement, const RowLayout& layout) {
  statement.Bind(ToString(layout.kind)).Bind(layout.coordinates);
}

SnapshotKey ReadKey(const SqliteStatement& row, int first) {
  return {row.Bytes(first), row.Bytes(first + 1), row.Integer(first + 2)};
}

// `layout` is the column of the row's kind.
absl::Status ReadShared(const SqliteStatement& row, int first, int layout,
                        LayerDescription& description, RepresentationShape& shape,
                        int64_t& size_bytes) {
  description.key = {ReadKey(row, first), row.Bytes(first + 3)};
  description.module_path = row.Bytes(first + 4);
  description.probe_set = row.Bytes(first + 5);
  description.reduction = row.Bytes(first + 6);
  description.ordinal = row.Integer(first + 7);
  GRAMIAN_ASSIGN_OR_RETURN(shape.dtype, ParseDtype(row.Bytes(first + 8)));
  shape.rows = row.Integer(first + 9);
  shape.cols = row.Integer(first + 10);
  const std::optional<RowKind> kind = ParseRowKind(row.Bytes(layout));
  if (!kind.has_value()) {
    return Damaged(absl::StrCat("rows of an unknown kind '", row.Bytes(layout), "'"));
  }
  shape.layout = {*kind, row.Integer(layout + 1)};
  const absl::StatusOr<int64_t> size = SizeBytes(shape);
  if (!size.ok()) return Damaged(size.status().message());
  size_bytes = *size;
  return absl::OkStatus();
}

std::string EncodeRanges(absl::Span<const ByteRange> ranges) {
  std::string bytes;
  for (const ByteRange& range : ranges) {
    bytes.append(reinterpret_cast<const char*>(&range), sizeof(range));
  }
  return bytes;
}

absl::StatusOr<std::vector<ByteRange>> DecodeRanges(const std::string& bytes, int64_t size) {
  std::vector<ByteRange> ranges(bytes.size() / sizeof(ByteRange));
  if (!ranges.empty()) std::memcpy(ranges.data(), bytes.data(), ranges.size() * sizeof(ByteRange));
  int64_t last = -1;
  for (const ByteRange& range : ranges) {
    if (range.begin <= last || range.end <= range.begin || range.end > size) {
      return Damaged("ranges of an upload that overlap or leave it");
    }
    last = range.end;
  }
  return ranges;
}

class SqliteCatalog final : public Catalog {
 public:
  explicit SqliteCatalog(std::unique_ptr<SqliteDatabase> database)
      : database_(std::move(database)) {}

  absl::StatusOr<CatalogContents> Read() override {
    MutexLock lock(mutex_);
    CatalogContents contents;
    GRAMIAN_RETURN_IF_ERROR(ReadLayers(contents.layers));
    GRAMIAN_RETURN_IF_ERROR(ReadSnapshots(contents.snapshots));
    GRAMIAN_RETURN_IF_ERROR(ReadUploads(contents.uploads));
    GRAMIAN_RETURN_IF_ERROR(ReadProbeSets(contents.probe_sets));
    return contents;
  }

  absl::Status PutLayer(const StoredLayer& layer, const std::string& part) override {
    MutexLock lock(mutex_);
    return database_->Transact([&]() GRAMIAN_REQUIRES(mutex_) -> absl::Status {
      GRAMIAN_ASSIGN_OR_RETURN(SqliteStatement put,
                               database_->Prepare(Insert("INSERT OR REPLACE", kLayers)));
      Bind(put, layer.description, layer.shape);
      put.Bind(layer.digest.ToHex())
          .Bind(absl::ToUnixNanos(layer.create_time))
          .Bind(layer.input_ids_digest);
      Bind(put, layer.shape.layout);
      put.Bind(layer.reduced_from.has_value() ? layer.reduced_from->ToHex() : "");
      GRAMIAN_RETURN_IF_ERROR(put.Run());
      GRAMIAN_ASSIGN_OR_RETURN(SqliteStatement snapshot,
                               database_->Prepare(absl::StrCat(
                                   Insert("INSERT", kSnapshots),
                                   " ON CONFLICT DO UPDATE SET used_ns=excluded.used_ns, checksum="
                                   "row_digest(project,network,step,pinned,excluded.used_ns)")));
      Bind(snapshot, layer.description.key.snapshot);
      snapshot.Bind(int64_t{0}).Bind(absl::ToUnixNanos(layer.create_time));
      GRAMIAN_RETURN_IF_ERROR(snapshot.Run());
      return part.empty() ? absl::OkStatus() : DeleteUploads({part});
    });
  }

  absl::Status RemoveSnapshots(absl::Span<const SnapshotKey> keys) override {
    MutexLock lock(mutex_);
    return database_->Transact([&]() GRAMIAN_REQUIRES(mutex_) -> absl::Status {
      for (const char* table : {"layers", "snapshots"}) {
        GRAMIAN_ASSIGN_OR_RETURN(
            SqliteStatement remove,
            database_->Prepare(
                absl::StrCat("DELETE FROM ", table, " WHERE project=? AND network=? AND step=?")));
        for (const SnapshotKey& key : keys) {
          Bind(remove, key);
          GRAMIAN_RETURN_IF_ERROR(remove.Run());
        }
      }
      return absl::OkStatus();
    });
  }

  absl::Status UpdateSnapshots(absl::Span<const SnapshotRecord> snapshots) override {
    MutexLock lock(mutex_);
    return database_->Transact([&]() GRAMIAN_REQUIRES(mutex_) -> absl::Status {
      GRAMIAN_ASSIGN_OR_RETURN(SqliteStatement update,
                               database_->Prepare("UPDATE snapshots SET pinned=?1, used_ns=?2, "
                                                  "checksum=row_digest(project,network,step,?1,?2) "
                                                  "WHERE project=?3 AND network=?4 AND step=?5"));
      for (const SnapshotRecord& snapshot : snapshots) {
        update.Bind(int64_t{snapshot.pinned ? 1 : 0}).Bind(absl::ToUnixNanos(snapshot.used));
        Bind(update, snapshot.key);
        GRAMIAN_RETURN_IF_ERROR(update.Run());
      }
      return absl::OkStatus();
    });
  }

  absl::Status PutUpload(const UploadRecord& upload) override {
    const UploadPlan& plan = upload.plan;
    MutexLock lock(mutex_);
    GRAMIAN_ASSIGN_OR_RETURN(SqliteStatement put,
                             database_->Prepare(Insert("INSERT OR REPLACE", kUploads)));
    put.Bind(upload.part);
    Bind(put, plan.description, plan.shape);
    put.Bind(plan.upload_id)
        .Bind(plan.expected_digest)
        .Bind(int64_t{plan.on_conflict == OnConflict::kReplace ? 1 : 0})
        .Bind(plan.input_ids_digest)
        .BindBlob(EncodeRanges(upload.persisted));
    Bind(put, plan.shape.layout);
    return put.Run();
  }

  absl::Status RemoveUploads(absl::Span<const std::string> parts) override {
    MutexLock lock(mutex_);
    return database_->Transact([&]() GRAMIAN_REQUIRES(mutex_) { return DeleteUploads(parts); });
  }

  absl::Status AddProbeSet(const ProbeSet& probe_set) override {
    MutexLock lock(mutex_);
    GRAMIAN_ASSIGN_OR_RETURN(SqliteStatement add, database_->Prepare(Insert("INSERT", kProbeSets)));
    add.Bind(probe_set.project)
        .Bind(probe_set.id)
        .Bind(probe_set.input_count)
        .Bind(probe_set.input_ids_digest)
        .BindBlob(EncodeTexts(probe_set.input_ids))
        .Bind(absl::ToUnixNanos(probe_set.create_time));
    return add.Run();
  }

  absl::Status RemoveProbeSet(const std::string& project, const std::string& id) override {
    MutexLock lock(mutex_);
    GRAMIAN_ASSIGN_OR_RETURN(SqliteStatement remove,
                             database_->Prepare("DELETE FROM probe_sets WHERE project=? AND id=?"));
    return remove.Bind(project).Bind(id).Run();
  }

  absl::Status CopyTo(const std::string& path) override {
    MutexLock lock(mutex_);
    return database_->CopyTo(path);
  }

 private:
  absl::Status DeleteUploads(absl::Span<const std::string> parts) GRAMIAN_REQUIRES(mutex_) {
    GRAMIAN_ASSIGN_OR_RETURN(SqliteStatement remove,
                             database_->Prepare("DELETE FROM uploads WHERE part=?"));
    for (const std::string& part : parts) GRAMIAN_RETURN_IF_ERROR(remove.Bind(part).Run());
    return absl::OkStatus();
  }

  // Calls visit(row), which returns a status, for all rows of a table.
  template <typename Visit>
  absl::Status ForRows(const Table& table, const Visit& visit) GRAMIAN_REQUIRES(mutex_) {
    GRAMIAN_ASSIGN_OR_RETURN(
        SqliteStatement select,
        database_->Prepare(absl::StrCat("SELECT ", table.columns, ",checksum=row_digest(",
                                        table.columns, ") FROM ", table.name)));
    while (true) {
      GRAMIAN_ASSIGN_OR_RETURN(const bool has_row, select.Step());
      if (!has_row) return absl::OkStatus();
      if (select.Integer(table.count) == 0) {
        return Damaged(absl::StrCat("a row of ", table.name, " that has not its checksum"));
      }
      GRAMIAN_RETURN_IF_ERROR(visit(select));
    }
  }

  absl::Status ReadLayers(std::vector<StoredLayer>& layers) GRAMIAN_REQUIRES(mutex_) {
    return ForRows(kLayers, [&](const SqliteStatement& row) -> absl::Status {
      StoredLayer layer;
      GRAMIAN_RETURN_IF_ERROR(
          ReadShared(row, 0, 14, layer.description, layer.shape, layer.size_bytes));
      const std::optional<Digest> digest = Digest::FromHex(row.Bytes(11));
      if (!digest.has_value()) return Damaged("a layer without a digest");
      layer.digest = *digest;
      layer.create_time = absl::FromUnixNanos(row.Integer(12));
      layer.input_ids_digest = row.Bytes(13);
      layer.reduced_from = Digest::FromHex(row.Bytes(16));
      layers.push_back(std::move(layer));
      return absl::OkStatus();
    });
  }

  absl::Status ReadSnapshots(std::vector<SnapshotRecord>& snapshots) GRAMIAN_REQUIRES(mutex_) {
    return ForRows(kSnapshots, [&](const SqliteStatement& row) {
      snapshots.push_back(
          {ReadKey(row, 0), row.Integer(3) != 0, absl::FromUnixNanos(row.Integer(4))});
      return absl::OkStatus();
    });
  }

  absl::Status ReadUploads(std::vector<UploadRecord>& uploads) GRAMIAN_REQUIRES(mutex_) {
    return ForRows(kUploads, [&](const SqliteStatement& row) -> absl::Status {
      UploadRecord upload;
      upload.part = row.Bytes(0);
      int64_t size = 0;
      GRAMIAN_RETURN_IF_ERROR(
          ReadShared(row, 1, 17, upload.plan.description, upload.plan.shape, size));
      upload.plan.upload_id = row.Bytes(12);
      upload.plan.expected_digest = row.Bytes(13);
      upload.plan.on_conflict = row.Integer(14) != 0 ? OnConflict::kReplace : OnConflict::kReject;
      upload.plan.input_ids_digest = row.Bytes(15);
      GRAMIAN_ASSIGN_OR_RETURN(upload.persisted, DecodeRanges(row.Bytes(16), size));
      uploads.push_back(std::move(upload));
      return absl::OkStatus();
    });
  }

  absl::Status ReadProbeSets(std::vector<ProbeSet>& probe_sets) GRAMIAN_REQUIRES(mutex_) {
    return ForRows(kProbeSets, [&](const SqliteStatement& row) -> absl::Status {
      ProbeSet probe_set;
      probe_set.project = row.Bytes(0);
      probe_set.id = row.Bytes(1);
      probe_set.input_count = row.Integer(2);
      probe_set.input_ids_digest = row.Bytes(3);
      std::optional<std::vector<std::string>> input_ids = DecodeTexts(row.Bytes(4));
      if (!input_ids.has_value()) return Damaged("a broken list of input ids");
      probe_set.input_ids = *std::move(input_ids);
      probe_set.create_time = absl::FromUnixNanos(row.Integer(5));
      probe_sets.push_back(std::move(probe_set));
      return absl::OkStatus();
    });
  }

  Mutex mutex_;
  const std::unique_ptr<SqliteDatabase> database_ GRAMIAN_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::unique_ptr<Catalog>> OpenSqliteCatalog(const std::string& path,
                                                           SqliteDatabase::Creation creation) {
  GRAMIAN_ASSIGN_OR_RETURN(
      std::unique_ptr<SqliteDatabase> database,
      SqliteDatabase::Open(path, SqliteDatabase::Durability::kNothing, kFormats, creation));
  return std::make_unique<SqliteCatalog>(std::move(database));
}

}  // namespace gramian
