#include "gramian/engine/score_matrix.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gramian/base/derived.h"
#include "gramian/base/error_reason.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

using Clock = std::chrono::steady_clock;

// Adds the life of a scope to a counter.
class Stopwatch {
 public:
  explicit Stopwatch(std::atomic<int64_t>& nanoseconds) : nanoseconds_(nanoseconds) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() { nanoseconds_ += std::chrono::nanoseconds(Clock::now() - start_).count(); }

 private:
  std::atomic<int64_t>& nanoseconds_;
  const Clock::time_point start_ = Clock::now();
};

// What a flight brings back.
class DerivedScore final : public Derived {
 public:
  explicit DerivedScore(const Score& score) : value(score) {}
  int64_t size_bytes() const override { return sizeof(*this); }
  const Score value;
};

bool IsSwapped(const SimilarityMeasure& measure, const OperandSource& a, const OperandSource& b) {
  return measure.traits().is_symmetric && b.key() < a.key();
}

Comparison Describe(const Score& score, const OperandSource& a, const OperandSource& b) {
  Comparison comparison;
  comparison.score = score;
  comparison.rows = a.rows();
  comparison.cols_a = a.cols();
  comparison.cols_b = b.cols();
  return comparison;
}

Comparison Mirror(Comparison comparison) {
  std::swap(comparison.cols_a, comparison.cols_b);
  comparison.compute_seconds = 0.0;  // Spent on the cell it mirrors.
  return comparison;
}

bool AreSame(const std::vector<OperandSource>& a, const std::vector<OperandSource>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(),
      [](const OperandSource& x, const OperandSource& y) { return x.key() == y.key(); });
}

}  // namespace

int64_t ScratchNeeded(const absl::Status& status) {
  const std::optional<ErrorReason> reason = GetReason(status);
  if (!reason.has_value() ||
      (reason->reason != "SCRATCH_TOO_SMALL" && reason->reason != "NEVER_FITS")) {
    return 0;
  }
  int64_t bytes = 0;
  const auto value = reason->metadata.find("value");
  return value != reason->metadata.end() && absl::SimpleAtoi(value->second, &bytes) ? bytes : 0;
}

std::optional<Comparison> Scorer::Find(const SimilarityMeasure& measure, const OperandSource& a,
                                       const OperandSource& b) {
  const bool swapped = IsSwapped(measure, a, b);
  const std::optional<Score> score =
      results_->Find((swapped ? b : a).key(), (swapped ? a : b).key(), measure.name());
  if (!score.has_value()) return std::nullopt;
  ++hits_;
  Comparison comparison = Describe(*score, a, b);
  comparison.cached = true;
  return comparison;
}

absl::StatusOr<Comparison> Scorer::Compare(const ComputeContext& context,
                                           const SimilarityMeasure& measure, const OperandSource& a,
                                           const OperandSource& b, Form form) {
  if (form == Form::kAuto) {
    if (const std::optional<Comparison> found = Find(measure, a, b)) return *found;
    ++misses_;
  }
  const Stopwatch stopwatch(compute_nanoseconds_);
  return Compute(context, measure, a, b, form);
}

absl::StatusOr<Comparison> Scorer::Compute(const ComputeContext& context,
                                           const SimilarityMeasure& measure, const OperandSource& a,
                                           const OperandSource& b, Form form) {
  using Result = absl::StatusOr<std::shared_ptr<const Derived>>;
  const Clock::time_point start = Clock::now();
  const bool swapped = IsSwapped(measure, a, b);
  const OperandSource& first = swapped ? b : a;
  const OperandSource& second = swapped ? a : b;
  const auto compute = [&](const ComputeContext& flight) -> Result {
    // Another flight may have ended since the caller looked.
    if (form == Form::kAuto) {
      const auto known = results_->Find(first.key(), second.key(), measure.name());
      if (known.has_value()) return std::make_shared<const DerivedScore>(*known);
    }
    GRAMIAN_ASSIGN_OR_RETURN(const Operand loaded_first, first.Load());
    GRAMIAN_ASSIGN_OR_RETURN(const Operand loaded_second, second.Load());
    GRAMIAN_RETURN_IF_ERROR(CheckApplies(measure, loaded_first, loaded_second));
    GRAMIAN_ASSIGN_OR_RETURN(const Score score,
                             measure.Compare(flight, loaded_first, loaded_second, form));
    ++completed_;
    if (form == Form::kAuto) results_->Insert(first.key(), second.key(), measure.name(), score);
    return std::make_shared<const DerivedScore>(score);
  };
  GRAMIAN_ASSIGN_OR_RETURN(const std::shared_ptr<const Derived> derived,
                           flights_.GetOrCompute(absl::StrCat(first.key(), " ", second.key(), " ",
                                                              measure.name(), " ", ToString(form)),
                                                 context, compute));
  Comparison comparison = Describe(static_cast<const DerivedScore&>(*derived).value, a, b);
  comparison.compute_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return comparison;
}

// The first missing cell is computed alone, so that all threads make the row's own operator
// together; the others find it in the cache and run side by side, so that the serial parts of
// making the columns' operators overlap. Each of them gets its share of the scratch; one that needs
// more runs alone afterwards.
absl::Status Scorer::ComputeCells(const ComputeContext& context, const SimilarityMeasure& measure,
                                  const OperandSource& row, const std::vector<OperandSource>& cols,
                                  const std::vector<size_t>& missing,
                                  std::vector<Comparison>& cells) {
  const Stopwatch stopwatch(compute_nanoseconds_);
  const auto compute = [&](const ComputeContext& cell_context, size_t col) -> absl::Status {
    GRAMIAN_ASSIGN_OR_RETURN(cells[col],
                             Compute(cell_context, measure, row, cols[col], Form::kAuto));
    return absl::OkStatus();
  };
  GRAMIAN_RETURN_IF_ERROR(compute(context, missing[0]));
  const int64_t threads = context.arena == nullptr ? 1 : context.arena->threads();
  ComputeContext share = context;
  share.scratch_limit_bytes /= threads;
  // What a cell that was refused needs.
  std::vector<int64_t> refused(missing.size(), 0);
  const auto rest = static_cast<int64_t>(missing.size()) - 1;
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, rest, [&](int64_t i) -> absl::Status {
    const size_t index = static_cast<size_t>(i) + 1;
    const absl::Status status = compute(share, missing[index]);
    refused[index] = ScratchNeeded(status);
    return refused[index] > 0 ? absl::OkStatus() : status;
  }));
  // With more they run side by side as well.
  const int64_t most = *std::max_element(refused.begin(), refused.end());
  if (most > 0 && most <= context.scratch_ceiling_bytes / threads) {
    GRAMIAN_RETURN_IF_ERROR(context.CheckScratch(most * threads, "a row of a matrix"));
  }
  for (size_t index = 0; index < missing.size(); ++index) {
    if (refused[index] != 0) GRAMIAN_RETURN_IF_ERROR(compute(context, missing[index]));
  }
  return absl::OkStatus();
}

// Completes `cells`, of which the leading ones may be known.
absl::Status Scorer::CompareRow(const ComputeContext& context, const SimilarityMeasure& measure,
                                const OperandSource& row, const std::vector<OperandSource>& cols,
                                std::vector<Comparison>& cells) {
  std::vector<size_t> missing;
  for (size_t col = cells.size(); col < cols.size(); ++col) {
    const std::optional<Comparison> found = Find(measure, row, cols[col]);
    if (!found.has_value()) missing.push_back(col);
    cells.push_back(found.value_or(Comparison()));
  }
  if (missing.empty()) return context.CheckStop();
  misses_ += static_cast<int64_t>(missing.size());
  return ComputeCells(context, measure, row, cols, missing, cells);
}

absl::Status Scorer::CompareAll(const ComputeContext& context, const SimilarityMeasure& measure,
                                const std::vector<OperandSource>& rows,
                                const std::vector<OperandSource>& cols,
                                const std::function<absl::Status(ComparisonBlock)>& on_block) {
  // Not owned: the caller keeps it meanwhile.
  std::shared_ptr<const SimilarityMeasure> kept(std::shared_ptr<void>(), &measure);
  MatrixRows matrix(this, std::move(kept), rows, cols);
  while (!matrix.is_done()) {
    GRAMIAN_ASSIGN_OR_RETURN(ComparisonBlock block, matrix.Next(context));
    GRAMIAN_RETURN_IF_ERROR(on_block(std::move(block)));
  }
  return absl::OkStatus();
}

MatrixRows::MatrixRows(Scorer* scorer, std::shared_ptr<const SimilarityMeasure> measure,
                       std::vector<OperandSource> rows, std::vector<OperandSource> cols)
    : scorer_(scorer),
      measure_(std::move(measure)),
      rows_(std::move(rows)),
      cols_(std::move(cols)),
      is_mirrored_(measure_->traits().is_symmetric && AreSame(rows_, cols_)),
      known_(rows_.size()) {}

absl::StatusOr<ComparisonBlock> MatrixRows::Next(const ComputeContext& context) {
  std::vector<Comparison> cells = known_[next_row_];
  GRAMIAN_RETURN_IF_ERROR(scorer_->CompareRow(context, *measure_, rows_[next_row_], cols_, cells));
  for (size_t col = next_row_ + 1; is_mirrored_ && col < cols_.size(); ++col) {
    known_[col].push_back(Mirror(cells[col]));
  }
  known_[next_row_] = {};
  ComparisonBlock block;
  block.first_row = static_cast<int64_t>(next_row_);
  block.row_count = 1;
  block.col_count = static_cast<int64_t>(cols_.size());
  block.comparisons = std::move(cells);
  ++next_row_;
  block.done = static_cast<int64_t>(next_row_ * cols_.size());
  block.total = static_cast<int64_t>(rows_.size() * cols_.size());
  return block;
}

ScorerStats Scorer::Stats() const {
  ScorerStats stats;
  stats.hits = hits_;
  stats.misses = misses_;
  stats.completed = completed_;
  stats.compute_seconds =
      std::chrono::duration<double>(std::chrono::nanoseconds(compute_nanoseconds_)).count();
  return stats;
}

}  // namespace gramian
