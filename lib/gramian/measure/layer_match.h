// Which layer of one network corresponds to which of another, from the scores of all pairs.
#ifndef GRAMIAN_MEASURE_LAYER_MATCH_H_
#define GRAMIAN_MEASURE_LAYER_MATCH_H_

#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/measure/measure.h"

namespace gramian {

// How rows (layers of one network, in execution order) find their columns (layers of the other).
enum class MatchMethod {
  kArgmax,     // each row its most similar column, whatever the others take
  kHungarian,  // one-to-one, the total similarity being largest; with fewer columns than rows some
               // rows stay without
  kMonotone,   // each row one column, columns never going back along the rows, the total
               // similarity being largest: argmax that knows the order of execution
};

// "argmax", "hungarian", "monotone".
const char* ToString(MatchMethod method);

// The column of each row of m x n scores (row-major, all of one measure), -1 for a row without one.
// A cell without a score is matched by nobody. The similarity is the score, or its negative if
// smaller scores are more similar, so that scores enter as they are. Among equally good choices the
// first column is taken by argmax, the first columns by monotone; the others depend on the scores
// alone. O(m n), or O(min(m, n)^2 max(m, n)) one-to-one. CANCELLED. Source: Kornblith et al. 2019,
// sec. 6.1, for the question and argmax.
absl::StatusOr<std::vector<Index>> MatchRows(const ComputeContext& context,
                                             const std::vector<Score>& scores, Index rows,
                                             Index cols, bool larger_is_more_similar,
                                             MatchMethod method);

// Scores of both directions of an asymmetric measure as one: the mean of (a, b) and (b, a), m x n,
// from m x n and n x m; a pair that lacks either has its status.
std::vector<Score> AverageDirections(const std::vector<Score>& forth,
                                     const std::vector<Score>& back, Index rows, Index cols);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_LAYER_MATCH_H_
