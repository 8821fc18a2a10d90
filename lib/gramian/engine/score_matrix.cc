#include "gramian/engine/score_matrix.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/derived.h"
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
  ComputeContext share = context;
  if (context.arena != nullptr) share.scratch_limit_bytes /= context.arena->threads();
  std::vector<char> refused(missing.size(), 0);
  const auto rest = static_cast<int64_t>(missing.size()) - 1;
  GRAMIAN_RETURN_IF_ERROR(ParallelFor(context, rest, [&](int64_t i) -> absl::Status {
    const size_t index = static_cast<size_t>(i) + 1;
    const absl::Status status = compute(share, missing[index]);
    if (!absl::IsResourceExhausted(status)) return status;
    refused[index] = 1;
    return absl::OkStatus();
  }));
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
  const bool mirrored = measure.traits().is_symmetric && AreSame(rows, cols);
  // What is left of the diagonal in each row to come, from the rows before it.
  std::vector<std::vector<Comparison>> known(rows.size());
  for (size_t row = 0; row < rows.size(); ++row) {
    std::vector<Comparison> cells = std::move(known[row]);
    GRAMIAN_RETURN_IF_ERROR(CompareRow(context, measure, rows[row], cols, cells));
    for (size_t col = row + 1; mirrored && col < cols.size(); ++col) {
      known[col].push_back(Mirror(cells[col]));
    }
    ComparisonBlock block;
    block.first_row = static_cast<int64_t>(row);
    block.row_count = 1;
    block.col_count = static_cast<int64_t>(cols.size());
    block.comparisons = std::move(cells);
    block.done = static_cast<int64_t>((row + 1) * cols.size());
    block.total = static_cast<int64_t>(rows.size() * cols.size());
    GRAMIAN_RETURN_IF_ERROR(on_block(std::move(block)));
  }
  return absl::OkStatus();
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
