// What a functional map says of how alike two layers are.
#ifndef GRAMIAN_MEASURE_FUNCTIONAL_SIMILARITY_H_
#define GRAMIAN_MEASURE_FUNCTIONAL_SIMILARITY_H_

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/geometry/laplacian_eigenbasis.h"

namespace gramian {

// With C a k_b x k_a map, off(M) the matrix M without its diagonal, and D the map without its first
// row and column. Those are the square roots of the degrees, which every correspondence maps to
// each other, so that the first two score a shuffled correspondence nearly as high as the true one.
struct FunctionalScores {
  double published = 0.0;   // 1 - |off(C'C)|^2 / |C'C|^2, from 0 to 1; not symmetric
  double official = 0.0;    // 1 - |off(C'C)| / |C'C|: what the authors' code computes
  double corrected = 0.0;   // the mean of 1 - |off(D'D)| / |D'D| and 1 - |off(DD')| / |DD'|
  double overlap = 0.0;     // |D|^2 / min(k_a, k_b) less 1: mean squared cosine of the angles
                            // between the two spaces of functions, whatever their bases
  double defect = 0.0;      // |C'C - I| / sqrt k_a: 0 for a map that keeps lengths
  double commutator = 0.0;  // |C La - Lb C| / (|C La| + |Lb C|), from 0 to 1: 0 for a map that
                            // keeps smoothness
};

// The scores of a map between bases with these eigenvalues (k_a and k_b of them, both >= 2). A
// score is 0 where the map, or what it leaves without its first row and column, is 0. O(k^3).
// Source: Fumero et al. 2024, arXiv 2406.14183, section 3.3; corrected and overlap are ours.
FunctionalScores ScoreFunctionalMap(const Matrix& map, const Vector& a_values,
                                    const Vector& b_values);

// Where a map distorts most: |phi_b(i)' u| for every input i of b, u being the left singular vector
// of its smallest singular value. O(k^3 + n k). INTERNAL if LAPACK does not converge.
absl::StatusOr<Vector> DistortionOf(const Matrix& map, const LaplacianEigenbasis& b);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_FUNCTIONAL_SIMILARITY_H_
