#include "server/watch_board.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <new>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

constexpr std::chrono::milliseconds kInterval{500};
// A snapshot comes layer by layer.
constexpr std::chrono::seconds kSettleTime{1};
constexpr std::chrono::seconds kLongestWait{30};
// Of a network, in which the layers of a watch are looked for: a watch whose layers are in none
// must not cost a walk through thousands.
constexpr size_t kNewestSnapshots = 16;

// Whether the snapshot has all these layers.
bool HasAll(const std::vector<StoredLayer>& stored, const std::vector<std::string>& layers) {
  return std::all_of(layers.begin(), layers.end(), [&](const std::string& layer) {
    return std::any_of(stored.begin(), stored.end(), [&](const StoredLayer& candidate) {
      return candidate.description.key.layer == layer;
    });
  });
}

// Digests of what is compared, so that a replaced layer is seen as well as a new snapshot.
std::string ContentOf(const std::vector<StoredLayer>& stored,
                      const std::vector<std::string>& layers) {
  std::string content;
  for (const StoredLayer& layer : stored) {
    const std::string& name = layer.description.key.layer;
    if (layers.empty() || std::find(layers.begin(), layers.end(), name) != layers.end()) {
      absl::StrAppend(&content, name, "=", layer.digest.ToHex(), ";");
    }
  }
  return content;
}

// The steps that may be compared, the best first.
std::vector<int64_t> StepsOf(const ActivationStore& store, const std::string& project,
                             const std::string& network, std::optional<int64_t> step) {
  if (step.has_value()) return {*step};
  const std::vector<SnapshotSummary> snapshots = store.ListSnapshots(project, network);
  std::vector<int64_t> steps;
  for (auto snapshot = snapshots.rbegin();
       snapshot != snapshots.rend() && steps.size() < kNewestSnapshots; ++snapshot) {
    steps.push_back(snapshot->step);
  }
  return steps;
}

// The newest snapshot of the network, or the one of this step, that has all the layers; its content
// is added to `content`.
std::optional<SnapshotKey> Find(const ActivationStore& store, const std::string& project,
                                const std::string& network, std::optional<int64_t> step,
                                const std::vector<std::string>& layers, std::string& content) {
  for (const int64_t candidate : StepsOf(store, project, network, step)) {
    SnapshotKey key = {project, network, candidate};
    const absl::StatusOr<std::vector<StoredLayer>> stored = store.ListLayers(key);
    if (!stored.ok() || !HasAll(*stored, layers)) continue;
    absl::StrAppend(&content, key.step, ":", ContentOf(*stored, layers), "|");
    return key;
  }
  return std::nullopt;
}

absl::Status TooManyWatches(absl::string_view whose, int64_t limit) {
  return WithLimit(absl::ResourceExhaustedError(
                       absl::StrCat(whose, " the limit of ", limit, " watches; remove one first")),
                   "LIMIT_EXCEEDED", limit + 1, limit);
}

absl::Status NoWatch(const std::string& project, const std::string& id) {
  return absl::NotFoundError(
      absl::StrCat("watch '", id, "' of project '", project, "' does not exist"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<WatchBoard>> WatchBoard::Open(ServerState& state) {
  GRAMIAN_ASSIGN_OR_RETURN(std::unique_ptr<WatchStore> store,
                           WatchStore::Open(state.options.data_dir));
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Watch> watches, store->Read());
  return std::unique_ptr<WatchBoard>(new WatchBoard(state, std::move(store), watches));
}

WatchBoard::WatchBoard(ServerState& state, std::unique_ptr<WatchStore> store,
                       const std::vector<Watch>& watches)
    : state_(state), store_(std::move(store)) {
  {
    MutexLock lock(mutex_);
    for (const Watch& watch : watches) entries_[{watch.project, watch.id}].reading.watch = watch;
  }
  task_.emplace(kInterval, [this] { Look(); });
}

WatchBoard::~WatchBoard() {
  task_.reset();
  MutexLock lock(mutex_);
  stopping_ = true;
  for (auto& [key, entry] : entries_) entry.stop.request_stop();
  while (is_evaluating_) ended_.wait(mutex_);
}

absl::StatusOr<WatchReading> WatchBoard::Create(const Watch& asked) {
  MutexLock change(change_mutex_);
  const Key key = {asked.project, asked.id};
  {
    MutexLock lock(mutex_);
    const auto earlier = entries_.find(key);
    if (earlier != entries_.end()) {
      if (earlier->second.reading.watch.IsLike(asked)) return earlier->second.reading;
      return absl::AlreadyExistsError(absl::StrCat("watch '", asked.id, "' of project '",
                                                   asked.project,
                                                   "' exists and watches something else"));
    }
    const auto is_of_project = [&](const auto& entry) { return entry.first.first == key.first; };
    if (std::count_if(entries_.begin(), entries_.end(), is_of_project) >=
        state_.options.max_watches) {
      return TooManyWatches(absl::StrCat("project '", asked.project, "' has"),
                            state_.options.max_watches);
    }
    if (static_cast<int64_t>(entries_.size()) >= kMaxWatches)
      return TooManyWatches("all projects together have", kMaxWatches);
  }
  WatchReading reading;
  reading.watch = asked;
  reading.watch.create_time = absl::Now();
  reading.message = "not evaluated yet";
  GRAMIAN_RETURN_IF_ERROR(store_->Add(reading.watch));
  MutexLock lock(mutex_);
  entries_[key].reading = reading;
  return reading;
}

absl::StatusOr<WatchReading> WatchBoard::Get(const std::string& project,
                                             const std::string& id) const {
  MutexLock lock(mutex_);
  const auto entry = entries_.find({project, id});
  if (entry == entries_.end()) return NoWatch(project, id);
  return entry->second.reading;
}

absl::Status WatchBoard::Delete(const std::string& project, const std::string& id) {
  MutexLock change(change_mutex_);
  {
    MutexLock lock(mutex_);
    if (entries_.count({project, id}) == 0) return NoWatch(project, id);
  }
  GRAMIAN_RETURN_IF_ERROR(store_->Remove(project, id));
  MutexLock lock(mutex_);
  const auto entry = entries_.find({project, id});
  entry->second.stop.request_stop();
  entries_.erase(entry);
  due_.erase({project, id});
  return absl::OkStatus();
}

std::vector<WatchReading> WatchBoard::List(const std::string& project) const {
  std::vector<WatchReading> readings = All();
  readings.erase(
      std::remove_if(readings.begin(), readings.end(),
                     [&](const WatchReading& reading) { return reading.watch.project != project; }),
      readings.end());
  return readings;
}

std::vector<WatchReading> WatchBoard::All() const {
  MutexLock lock(mutex_);
  std::vector<WatchReading> readings;
  readings.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) readings.push_back(entry.reading);
  return readings;
}

WatchBoard::Sides WatchBoard::SidesOf(const Watch& watch) const {
  const ActivationStore& store = state_.engine.store();
  Sides sides;
  const auto network =
      Find(store, watch.project, watch.network, std::nullopt, watch.layers, sides.content);
  const auto reference = Find(store, watch.project, watch.reference_network, watch.reference_step,
                              watch.layers, sides.content);
  if (network.has_value() && reference.has_value()) {
    sides.network = {*network, watch.layers};
    sides.reference = {*reference, watch.layers};
    return sides;
  }
  sides.content.clear();
  sides.missing =
      absl::StrCat(network.has_value() ? "the reference" : "the network", " '",
                   network.has_value() ? watch.reference_network : watch.network, "' has no ",
                   network.has_value() && watch.reference_step.has_value()
                       ? absl::StrCat("snapshot at step ", *watch.reference_step)
                       : std::string("snapshot"),
                   watch.layers.empty() ? "" : " with the layers of the watch");
  return sides;
}

void WatchBoard::Note(Entry& entry, const Sides& sides, Clock::time_point now) {
  if (sides.content != entry.seen) {
    entry.seen = sides.content;
    entry.seen_since = now;
  }
  if (sides.content.empty()) {
    // A score of what is gone would be taken for one of what is there.
    entry.is_due = false;
    entry.evaluated.clear();
    entry.reading.status = WatchStatus::kWaiting;
    entry.reading.step = entry.reading.reference_step = -1;
    entry.reading.message = sides.missing;
    return;
  }
  if (sides.content == entry.evaluated) {
    entry.is_due = false;
    return;
  }
  if (!std::exchange(entry.is_due, true)) entry.due_since = now;
  const bool settled = now - entry.seen_since >= kSettleTime;
  const bool waited = now - entry.due_since >= kLongestWait;
  if (settled || waited) due_[{entry.reading.watch.project, entry.reading.watch.id}] = sides;
}

void WatchBoard::Look() {
  if (state_.gate.closed()) {
    // What is left of the server's time belongs to its clients.
    MutexLock lock(mutex_);
    for (auto& [key, entry] : entries_) entry.stop.request_stop();
    return;
  }
  const auto now = Clock::now();
  for (const WatchReading& reading : All()) {
    const Sides sides = SidesOf(reading.watch);
    MutexLock lock(mutex_);
    const auto entry = entries_.find({reading.watch.project, reading.watch.id});
    if (entry == entries_.end()) continue;
    due_.erase(entry->first);
    Note(entry->second, sides, now);
  }
  StartNext();
}

void WatchBoard::StartNext() {
  Key key;
  Sides sides;
  std::stop_token stop;
  {
    MutexLock lock(mutex_);
    if (is_evaluating_ || stopping_ || due_.empty()) return;
    const auto longest = std::min_element(
        due_.begin(), due_.end(), [this](const auto& a, const auto& b) GRAMIAN_REQUIRES(mutex_) {
          return entries_[a.first].due_since < entries_[b.first].due_since;
        });
    key = longest->first;
    sides = std::move(longest->second);
    due_.erase(longest);
    Entry& entry = entries_[key];
    entry.evaluated = sides.content;
    entry.is_due = false;
    entry.stop = std::stop_source();
    stop = entry.stop.get_token();
    is_evaluating_ = true;
  }
  if (state_.batch.TrySubmit([this, key, sides, stop] { Evaluate(key, sides, stop); })) return;
  // The lane is full: the next look tries again.
  MutexLock lock(mutex_);
  is_evaluating_ = false;
  const auto entry = entries_.find(key);
  if (entry != entries_.end()) entry->second.evaluated.clear();
  ended_.notify_all();
}

absl::StatusOr<double> WatchBoard::ScoreOf(const Watch& watch, const Sides& sides,
                                           std::stop_token stop) const {
  Score score;
  const MatrixSink sink = {
      .on_header = [](const MatrixHeader&) { return absl::OkStatus(); },
      .on_block =
          [&score](const ComparisonBlock& block) {
            // The entry of the first row, the network, and the second column, the reference.
            const int64_t col = 1 - block.first_col;
            if (block.first_row == 0 && block.row_count > 0 && col >= 0 && col < block.col_count)
              score = block.comparisons[static_cast<size_t>(col)].score;
            return absl::OkStatus();
          }};
  try {
    GRAMIAN_RETURN_IF_ERROR(state_.engine.CompareNetworks(
        {sides.network, sides.reference}, Fusion(), watch.measure, sink, std::move(stop)));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory");
  }
  if (score.status == ScoreStatus::kOk) return score.value;
  return absl::FailedPreconditionError(
      absl::StrCat("the score is not defined: ", ToString(score.status)));
}

void WatchBoard::Evaluate(const Key& key, const Sides& sides, std::stop_token stop) {
  const absl::StatusOr<WatchReading> before = Get(key.first, key.second);
  absl::StatusOr<double> score = absl::CancelledError("cancelled");
  if (before.ok() && !stop.stop_requested()) {
    const auto start = std::chrono::steady_clock::now();
    score = ScoreOf(before->watch, sides, stop);
    state_.admission.AddCompute(key.first, SecondsSince(start), absl::Now());
  }
  MutexLock lock(mutex_);
  is_evaluating_ = false;
  ended_.notify_all();
  const auto entry = entries_.find(key);
  // It may be gone, or be another of the same name.
  if (entry == entries_.end() || stop.stop_requested()) return;
  WatchReading& reading = entry->second.reading;
  ++reading.evaluations;
  reading.evaluate_time = absl::Now();
  reading.step = sides.network.snapshot.step;
  reading.reference_step = sides.reference.snapshot.step;
  reading.status = score.ok() ? WatchStatus::kScored : WatchStatus::kFailed;
  reading.score = score.ok() ? *score : 0;
  reading.message = std::string(score.status().message());
  if (score.ok()) return;
  ++reading.failures;
  // What was only in want of room is tried again, without hurry.
  if (absl::IsResourceExhausted(score.status()) || absl::IsUnavailable(score.status())) {
    entry->second.evaluated.clear();
    entry->second.seen_since = Clock::now() + kLongestWait;
  }
  spdlog::warn("watch {} of project {}: {}", key.second, key.first, reading.message);
}

}  // namespace gramian
