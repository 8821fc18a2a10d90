// The Markov operator of a representation, built only when someone asks to see it.
#ifndef GRAMIAN_GEOMETRY_MARKOV_OPERATOR_H_
#define GRAMIAN_GEOMETRY_MARKOV_OPERATOR_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "gramian/base/matrix.h"

namespace gramian {

// P = J + c S~ of an RSM K (n x n, symmetric):  J = 11'/n,  S~ = H K H,  c = 1 / (n |min_ij
// S~_ij|).
//
// P is symmetric, its rows sum to 1, its smallest entry is 0. Scores never use it: P^t = J + c^t
// S~^t is rounding noise in J for moderate t already (docs/architecture.md). Immutable. Source:
// arXiv 2605.15901, definition of the diffusion operator.
class MarkovOperator {
 public:
  // FAILED_PRECONDITION if S~ = 0: all inputs have the same representation. O(n^2); the argument is
  // reused.
  static absl::StatusOr<MarkovOperator> FromRsm(Matrix rsm);

  int64_t rows() const { return centered_.rows(); }
  // S~, n x n.
  const Matrix& centered() const { return centered_; }
  // c.
  double scale() const { return scale_; }
  // Rows [first, first + count) of P: count x n.
  Matrix Rows(int64_t first, int64_t count) const;

 private:
  MarkovOperator(Matrix centered, double least);

  Matrix centered_;
  double least_;  // |min S~|
  double scale_;
};

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_MARKOV_OPERATOR_H_
