#include "gramian/engine/result_store.h"

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"
#include "gramian/engine/score_table.h"
#include "gramian/store/sqlite.h"

namespace gramian {
namespace {

class MemoryResultStore final : public ResultStore {
 public:
  explicit MemoryResultStore(int64_t limit) : scores_(limit) {}

  std::optional<Score> Find(const std::string& a_key, const std::string& b_key,
                            const std::string& measure) const override {
    return scores_.Find(ScoreKey(a_key, b_key, measure));
  }
  void Insert(const std::string& a_key, const std::string& b_key, const std::string& measure,
              const Score& score) override {
    scores_.Insert(ScoreKey(a_key, b_key, measure), score);
  }
  int64_t size() const override { return scores_.size(); }

 private:
  ScoreTable scores_;
};

// `id` rises with every insert: the order of age.
constexpr char kFormat1[] = R"sql(
CREATE TABLE scores(
  id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, version INTEGER NOT NULL,
  status TEXT NOT NULL, value REAL NOT NULL, form TEXT NOT NULL);
)sql";

constexpr const char* kFormats[] = {kFormat1};

template <typename Enum>
std::optional<Enum> FromName(std::initializer_list<Enum> all, const std::string& name) {
  for (const Enum value : all) {
    if (name == ToString(value)) return value;
  }
  return std::nullopt;
}

std::optional<Score> ReadScore(const SqliteStatement& row, int first) {
  const auto status = FromName(
      {ScoreStatus::kOk, ScoreStatus::kConstant, ScoreStatus::kTooFewInputs,
       ScoreStatus::kNonpositiveSelfTerm, ScoreStatus::kUndefinedRoot, ScoreStatus::kZeroBandwidth,
       ScoreStatus::kDifferentWidths, ScoreStatus::kRankDeficient},
      row.Bytes(first));
  const auto form =
      FromName({Form::kFeatureSpace, Form::kSampleSpace, Form::kSpectral}, row.Bytes(first + 2));
  if (!status.has_value() || !form.has_value()) return std::nullopt;
  return Score{*status, row.Real(first + 1), *form};
}

using OnTrouble = std::function<void(const absl::Status&)>;

// After what could not be written: how long until it is tried again.
constexpr std::chrono::seconds kRetryTime{1};

// A thread writes behind the table in memory, many scores in one transaction.
class DurableResultStore final : public ResultStore {
 public:
  DurableResultStore(std::unique_ptr<SqliteDatabase> database, int64_t limit, OnTrouble on_trouble)
      : limit_(limit),
        scores_(limit),
        database_(std::move(database)),
        on_trouble_(std::move(on_trouble)) {}

  ~DurableResultStore() override {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    if (writer_.joinable()) writer_.join();
  }

  // Reads what is there and starts writing.
  absl::Status Start() {
    GRAMIAN_ASSIGN_OR_RETURN(SqliteStatement forget,
                             database_->Prepare("DELETE FROM scores WHERE version != ?"));
    GRAMIAN_RETURN_IF_ERROR(forget.Bind(kScoreVersion).Run());
    GRAMIAN_RETURN_IF_ERROR(Trim());
    GRAMIAN_ASSIGN_OR_RETURN(
        SqliteStatement select,
        database_->Prepare("SELECT key, status, value, form FROM scores ORDER BY id"));
    while (true) {
      GRAMIAN_ASSIGN_OR_RETURN(const bool has_row, select.Step());
      if (!has_row) break;
      const std::optional<Digest> key = Digest::FromHex(select.Bytes(0));
      const std::optional<Score> score = ReadScore(select, 1);
      if (key.has_value() && score.has_value()) scores_.Insert(*key, *score);
    }
    writer_ = std::thread([this] { Write(); });
    return absl::OkStatus();
  }

  std::optional<Score> Find(const std::string& a_key, const std::string& b_key,
                            const std::string& measure) const override {
    return scores_.Find(ScoreKey(a_key, b_key, measure));
  }

  void Insert(const std::string& a_key, const std::string& b_key, const std::string& measure,
              const Score& score) override {
    const Digest key = ScoreKey(a_key, b_key, measure);
    scores_.Insert(key, score);
    // The file has no place for it.
    if (score.recall != 1.0F) return;
    {
      MutexLock lock(mutex_);
      // A disk that cannot keep up costs old scores after a restart, not memory now.
      if (static_cast<int64_t>(queue_.size()) >= limit_) queue_.pop_front();
      queue_.emplace_back(key, score);
    }
    changed_.notify_one();
  }

  int64_t size() const override { return scores_.size(); }

 private:
  using Batch = std::deque<std::pair<Digest, Score>>;

  void Write() {
    bool is_failing = false;
    while (true) {
      Batch batch;
      bool is_last = false;
      {
        MutexLock lock(mutex_);
        while (queue_.empty() && !stopping_) changed_.wait(mutex_);
        if (queue_.empty()) return;
        if (is_failing) {
          WaitForRetry();
        } else if (!stopping_) {
          // More may come that can be written at once.
          changed_.wait_for(mutex_, std::chrono::milliseconds(50));
        }
        batch.swap(queue_);
        is_last = stopping_;
      }
      const absl::Status written = WriteBatch(batch);
      if (!written.ok() && is_last) {
        Tell(written, absl::StrCat(batch.size(), " scores have to be computed again"));
        return;
      }
      if (!written.ok() && !is_failing) Tell(written, "scores wait in memory");
      is_failing = !written.ok();
      if (is_failing) PutBack(std::move(batch));
    }
  }

  void WaitForRetry() GRAMIAN_REQUIRES(mutex_) {
    const auto time = std::chrono::steady_clock::now() + kRetryTime;
    while (!stopping_ && changed_.wait_until(mutex_, time) != std::cv_status::timeout) {
    }
  }

  void PutBack(Batch batch) {
    MutexLock lock(mutex_);
    batch.insert(batch.end(), queue_.begin(), queue_.end());
    while (static_cast<int64_t>(batch.size()) > limit_) batch.pop_front();
    queue_ = std::move(batch);
  }

  void Tell(const absl::Status& why, absl::string_view what) const {
    if (on_trouble_) on_trouble_({why.code(), absl::StrCat(what, ": ", why.message())});
  }

  absl::Status WriteBatch(const Batch& batch) {
    return database_->Transact([&]() -> absl::Status {
      GRAMIAN_ASSIGN_OR_RETURN(
          SqliteStatement insert,
          database_->Prepare("INSERT OR REPLACE INTO scores(key, version, status, value, form) "
                             "VALUES(?,?,?,?,?)"));
      for (const auto& [key, score] : batch) {
        insert.Bind(key.ToHex())
            .Bind(kScoreVersion)
            .Bind(absl::string_view(ToString(score.status)))
            .Bind(score.value)
            .Bind(absl::string_view(ToString(score.form)));
        GRAMIAN_RETURN_IF_ERROR(insert.Run());
      }
      return Trim();
    });
  }

  // Leaves the youngest.
  absl::Status Trim() {
    GRAMIAN_ASSIGN_OR_RETURN(
        SqliteStatement trim,
        database_->Prepare("DELETE FROM scores WHERE id <= (SELECT max(id) FROM scores) - ?"));
    return trim.Bind(limit_).Run();
  }

  const int64_t limit_;
  ScoreTable scores_;
  const std::unique_ptr<SqliteDatabase>
      database_;  // Used by one thread: first Start's, then writer_.
  const OnTrouble on_trouble_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  Batch queue_ GRAMIAN_GUARDED_BY(mutex_);
  bool stopping_ GRAMIAN_GUARDED_BY(mutex_) = false;
  std::thread writer_;
};

absl::StatusOr<std::unique_ptr<ResultStore>> OpenDatabase(const std::string& path, int64_t limit,
                                                          const OnTrouble& on_trouble) {
  GRAMIAN_ASSIGN_OR_RETURN(
      std::unique_ptr<SqliteDatabase> database,
      SqliteDatabase::Open(path, SqliteDatabase::Durability::kLastCommits, kFormats));
  auto store = std::make_unique<DurableResultStore>(std::move(database), limit, on_trouble);
  GRAMIAN_RETURN_IF_ERROR(store->Start());
  return store;
}

}  // namespace

std::unique_ptr<ResultStore> NewMemoryResultStore(int64_t limit) {
  return std::make_unique<MemoryResultStore>(limit);
}

absl::StatusOr<std::unique_ptr<ResultStore>> OpenResultStore(const std::string& path, int64_t limit,
                                                             const OnTrouble& on_trouble) {
  absl::StatusOr<std::unique_ptr<ResultStore>> store = OpenDatabase(path, limit, on_trouble);
  if (!absl::IsDataLoss(store.status())) return store;
  const std::string aside = absl::StrCat(path, ".damaged");
  for (const char* suffix : {"", "-wal", "-shm"}) {
    const std::string from = path + suffix;
    if (std::rename(from.c_str(), (aside + suffix).c_str()) != 0 && errno != ENOENT) {
      return store.status();
    }
  }
  if (on_trouble) {
    on_trouble(absl::DataLossError(absl::StrCat(
        "scores are computed anew: ", store.status().message(), "; moved to ", aside)));
  }
  return OpenDatabase(path, limit, on_trouble);
}

}  // namespace gramian
