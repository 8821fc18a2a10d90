// Scores of pairs and of whole matrices, computed at most once.
#ifndef GRAMIAN_ENGINE_SCORE_MATRIX_H_
#define GRAMIAN_ENGINE_SCORE_MATRIX_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/engine/operand_source.h"
#include "gramian/engine/operator_cache.h"
#include "gramian/engine/result_store.h"
#include "gramian/measure/measure.h"

namespace gramian {

// A score with what a reader needs to judge it.
struct Comparison {
  Score score;
  int64_t rows = 0;    // n
  int64_t cols_a = 0;  // d of each side; the widest layer of a network
  int64_t cols_b = 0;
  bool cached = false;  // answered from the result store
  double compute_seconds = 0.0;
};

// Part of a matrix of scores: rows [first_row, first_row + row_count) by columns [first_col, ...),
// row-major.
struct ComparisonBlock {
  int64_t first_row = 0;
  int64_t first_col = 0;
  int64_t row_count = 0;
  int64_t col_count = 0;
  std::vector<Comparison> comparisons;  // row_count * col_count
  int64_t done = 0;                     // scores of the whole matrix finished so far
  int64_t total = 0;
};

// What a matrix is over, before its first block.
struct MatrixHeader {
  std::vector<std::string> row_names;  // layer names, or "network@step"
  std::vector<std::string> col_names;
};

// Receives a matrix while it is computed, on one thread at a time: the header first, then blocks in
// row order. An error stops the computation and is returned from it.
struct MatrixSink {
  std::function<absl::Status(const MatrixHeader&)> on_header;
  std::function<absl::Status(ComparisonBlock)> on_block;
};

// The bytes of scratch that a computation found missing; 0 if it failed for another reason.
int64_t ScratchNeeded(const absl::Status& status);

// Counters since construction.
struct ScorerStats {
  int64_t hits = 0;    // scores that were known
  int64_t misses = 0;  // scores that were asked for and not known
  int64_t completed = 0;
  double compute_seconds = 0.0;
};

// Compares operands, which see the same n inputs (the caller has checked). Activations are loaded
// only for scores that are not known. Thread-safe.
//
// Callers that ask for one unknown score at the same time share its computation, by the rules of
// OperatorCache. A symmetric measure is given a pair in the order of the operands' keys, whichever
// side asks: (a, b) and (b, a) share one result and agree in every bit.
class Scorer {
 public:
  // `results` outlives the scorer.
  explicit Scorer(ResultStore* results) : results_(results) {}

  // The score of (a, b) if it is known.
  std::optional<Comparison> Find(const SimilarityMeasure& measure, const OperandSource& a,
                                 const OperandSource& b);
  // The score of (a, b), computed unless it is known; a forced `form` is always computed and not
  // remembered. Errors of SimilarityMeasure::Compare and of loading.
  absl::StatusOr<Comparison> Compare(const ComputeContext& context,
                                     const SimilarityMeasure& measure, const OperandSource& a,
                                     const OperandSource& b, Form form);

  // rows x cols into `sink`, a block for each row. If both sides are the same and the measure is
  // symmetric, the upper half is computed and mirrored. Errors of SimilarityMeasure::Compare, of
  // loading and of the sink.
  absl::Status CompareAll(const ComputeContext& context, const SimilarityMeasure& measure,
                          const std::vector<OperandSource>& rows,
                          const std::vector<OperandSource>& cols,
                          const std::function<absl::Status(ComparisonBlock)>& on_block);

  ScorerStats Stats() const;

 private:
  friend class MatrixRows;

  absl::StatusOr<Comparison> Compute(const ComputeContext& context,
                                     const SimilarityMeasure& measure, const OperandSource& a,
                                     const OperandSource& b, Form form);
  absl::Status ComputeCells(const ComputeContext& context, const SimilarityMeasure& measure,
                            const OperandSource& row, const std::vector<OperandSource>& cols,
                            const std::vector<size_t>& missing, std::vector<Comparison>& cells);
  absl::Status CompareRow(const ComputeContext& context, const SimilarityMeasure& measure,
                          const OperandSource& row, const std::vector<OperandSource>& cols,
                          std::vector<Comparison>& cells);

  ResultStore* const results_;
  OperatorCache flights_{0};  // Keeps nothing: only for its single flight.
  std::atomic<int64_t> hits_{0};
  std::atomic<int64_t> misses_{0};
  std::atomic<int64_t> completed_{0};
  std::atomic<int64_t> compute_nanoseconds_{0};
};

// What CompareAll computes, one row at a time: between two rows no thread is needed. Not
// thread-safe.
class MatrixRows {
 public:
  // `scorer` outlives this object.
  MatrixRows(Scorer* scorer, std::shared_ptr<const SimilarityMeasure> measure,
             std::vector<OperandSource> rows, std::vector<OperandSource> cols);

  bool is_done() const { return next_row_ == rows_.size(); }
  // The next row; not when is_done(). After an error the same row may be asked for again.
  absl::StatusOr<ComparisonBlock> Next(const ComputeContext& context);

 private:
  Scorer* const scorer_;
  const std::shared_ptr<const SimilarityMeasure> measure_;
  const std::vector<OperandSource> rows_;
  const std::vector<OperandSource> cols_;
  const bool is_mirrored_;
  size_t next_row_ = 0;
  // What is left of the diagonal in each row to come, from the rows before it.
  std::vector<std::vector<Comparison>> known_;
};

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_SCORE_MATRIX_H_
