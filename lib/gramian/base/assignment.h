// The linear assignment problem: the best one-to-one matching of rows and columns.
#ifndef GRAMIAN_BASE_ASSIGNMENT_H_
#define GRAMIAN_BASE_ASSIGNMENT_H_

#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"

namespace gramian {

// The column of each row of an m x n matrix of finite gains, every row and column used at most once
// and min(m, n) of them in all, so that the sum of the gains is largest; -1 for a row without a
// column (m > n).
//
// Shortest augmenting paths with dual prices: O(min(m, n)^2 max(m, n)) time, O(m + n) memory beside
// a transposed copy if m > n. Exact; among equally good assignments the choice depends on the
// matrix alone. CANCELLED between two rows. Source: Crouse 2016, IEEE TAES 52(4), the algorithm of
// scipy.optimize.linear_sum_assignment.
absl::StatusOr<std::vector<Index>> MaximizeAssignment(const ComputeContext& context,
                                                      const Matrix& gains);

// The sum of the gains of an assignment.
double AssignedGain(const Matrix& gains, const std::vector<Index>& column_of_row);

}  // namespace gramian

#endif  // GRAMIAN_BASE_ASSIGNMENT_H_
