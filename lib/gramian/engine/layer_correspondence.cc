#include "gramian/engine/layer_correspondence.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gramian/base/status_macros.h"

namespace gramian {
namespace {

absl::StatusOr<std::vector<Score>> ScoreAll(const ComputeContext& context, Scorer& scorer,
                                            const SimilarityMeasure& measure,
                                            const std::vector<OperandSource>& rows,
                                            const std::vector<OperandSource>& cols,
                                            int64_t& cached) {
  const auto cells = static_cast<int64_t>(rows.size() * cols.size());
  GRAMIAN_RETURN_IF_ERROR(
      context.CheckScratch(cells * static_cast<int64_t>(sizeof(Score)), "scores of all pairs"));
  std::vector<Score> scores;
  GRAMIAN_RETURN_IF_ERROR(
      scorer.CompareAll(context, measure, rows, cols, [&](const ComparisonBlock& block) {
        for (const Comparison& comparison : block.comparisons) {
          scores.push_back(comparison.score);
          cached += comparison.cached ? 1 : 0;
        }
        return absl::OkStatus();
      }));
  return scores;
}

}  // namespace

absl::StatusOr<std::vector<Index>> ExpectedColumns(const std::vector<StoredLayer>& rows,
                                                   const std::vector<StoredLayer>& cols,
                                                   MatchTruth truth) {
  std::vector<Index> expected(rows.size(), -1);
  if (truth == MatchTruth::kSameOrder && rows.size() != cols.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the order does not tell which layers correspond: one network has ",
                     rows.size(), " of them, the other ", cols.size()));
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (truth == MatchTruth::kSameOrder) expected[i] = static_cast<Index>(i);
    if (truth != MatchTruth::kSameName) continue;
    for (size_t j = 0; j < cols.size(); ++j) {
      if (rows[i].description.key.layer == cols[j].description.key.layer) {
        expected[i] = static_cast<Index>(j);
      }
    }
  }
  return expected;
}

absl::StatusOr<std::vector<Score>> ScorePairs(const ComputeContext& context, Scorer& scorer,
                                              const SimilarityMeasure& measure,
                                              const std::vector<OperandSource>& rows,
                                              const std::vector<OperandSource>& cols,
                                              int64_t& cached) {
  GRAMIAN_ASSIGN_OR_RETURN(std::vector<Score> forth,
                           ScoreAll(context, scorer, measure, rows, cols, cached));
  if (measure.traits().is_symmetric) return forth;
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Score> back,
                           ScoreAll(context, scorer, measure, cols, rows, cached));
  return AverageDirections(forth, back, static_cast<Index>(rows.size()),
                           static_cast<Index>(cols.size()));
}

absl::StatusOr<LayerCorrespondence> MatchLayers(const ComputeContext& context, Scorer& scorer,
                                                const SimilarityMeasure& measure,
                                                const std::vector<OperandSource>& rows,
                                                const std::vector<OperandSource>& cols,
                                                MatchMethod method,
                                                const std::vector<Index>& expected) {
  LayerCorrespondence result;
  result.measure = measure.name();
  result.rows = rows.front().rows();
  GRAMIAN_ASSIGN_OR_RETURN(const std::vector<Score> scores,
                           ScorePairs(context, scorer, measure, rows, cols, result.cached));
  GRAMIAN_ASSIGN_OR_RETURN(
      const std::vector<Index> columns,
      MatchRows(context, scores, static_cast<Index>(rows.size()), static_cast<Index>(cols.size()),
                measure.traits().larger_is_more_similar, method));
  for (size_t i = 0; i < columns.size(); ++i) {
    LayerMatch match;
    match.column = columns[i];
    match.expected = expected[i];
    match.score = scores[i * cols.size() + static_cast<size_t>(std::max<Index>(columns[i], 0))];
    result.known += match.expected >= 0 ? 1 : 0;
    result.correct += match.expected >= 0 && match.expected == match.column ? 1 : 0;
    result.matches.push_back(match);
  }
  return result;
}

}  // namespace gramian
