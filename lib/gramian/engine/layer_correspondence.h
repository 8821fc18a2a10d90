// Which layer of one network corresponds to which of another, and how often that is right.
#ifndef GRAMIAN_ENGINE_LAYER_CORRESPONDENCE_H_
#define GRAMIAN_ENGINE_LAYER_CORRESPONDENCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/engine/operand_source.h"
#include "gramian/engine/score_matrix.h"
#include "gramian/measure/layer_match.h"
#include "gramian/measure/measure.h"
#include "gramian/store/activation_store.h"

namespace gramian {

// The corresponding layers, where they are known.
enum class MatchTruth {
  kNone,
  kSameOrder,  // the i-th layer of one and of the other
  kSameName,   // layers with the same module path; other layers have no truth
};

// The expected column of each row, -1 where it is not known. INVALID_ARGUMENT if the order is to
// say it and the numbers of layers differ.
absl::StatusOr<std::vector<Index>> ExpectedColumns(const std::vector<StoredLayer>& rows,
                                                   const std::vector<StoredLayer>& cols,
                                                   MatchTruth truth);

// One row's match.
struct LayerMatch {
  Index column = -1;    // -1: none
  Score score;          // with it; its status without a match is that of the row's first cell
  Index expected = -1;  // -1: not known
};

// The matches of all rows.
struct LayerCorrespondence {
  std::string measure;  // canonical name
  int64_t rows = 0;     // n
  // The layers behind rows and columns, filled in by the engine.
  std::vector<LayerKey> row_layers;
  std::vector<LayerKey> column_layers;
  std::vector<LayerMatch> matches;  // one per row
  int64_t known = 0;                // rows with an expected column
  int64_t correct = 0;              // of them, matched to it
  int64_t cached = 0;               // scores that were known
};

// Compares all rows with all columns by `measure`, in both directions if it is asymmetric (the
// scores are means then), and matches them; all over the same n inputs, `expected` as from
// ExpectedColumns. Errors of Scorer and MatchRows.
absl::StatusOr<LayerCorrespondence> MatchLayers(const ComputeContext& context, Scorer& scorer,
                                                const SimilarityMeasure& measure,
                                                const std::vector<OperandSource>& rows,
                                                const std::vector<OperandSource>& cols,
                                                MatchMethod method,
                                                const std::vector<Index>& expected);

// Scores of all pairs, rows x cols, row-major, whichever direction: of an asymmetric measure the
// means of both. Adds the scores that were known to `cached`.
absl::StatusOr<std::vector<Score>> ScorePairs(const ComputeContext& context, Scorer& scorer,
                                              const SimilarityMeasure& measure,
                                              const std::vector<OperandSource>& rows,
                                              const std::vector<OperandSource>& cols,
                                              int64_t& cached);

}  // namespace gramian

#endif  // GRAMIAN_ENGINE_LAYER_CORRESPONDENCE_H_
