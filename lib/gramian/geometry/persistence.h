// Loops that the points of one set of distances close and those of another do not: persistent
// homology of the cross-barcode.
#ifndef GRAMIAN_GEOMETRY_PERSISTENCE_H_
#define GRAMIAN_GEOMETRY_PERSISTENCE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"

namespace gramian {

// The scales at which a loop appears and is filled, birth < death.
struct Bar {
  double birth;
  double death;
};

// The bars of dimension 1, with coefficients in Z/2, of the Vietoris-Rips filtration of 2 n points
// (at scale t all sets of points with distances <= t are simplices) whose distances are
//
//   | 0     from           |
//   | from  min(from, to)  |     both n x n, symmetric, >= 0, with zeros on the diagonal
//
// in no particular order; all are finite. The first n points are one point at every scale, so that
// loops are those of L relative to K: L is the filtration of min(from, to), and K holds a set of
// points from when some point is as near, by `from`, to all of them. Only the edges of L that are
// in K later than in L are gone through, by cohomology, and triangles are never stored: n^3 / 2
// flops and, for most data, some n^3 steps more; 32 n^2 bytes and what a few columns take.
// RESOURCE_EXHAUSTED if they do not fit in scratch; CANCELLED. Serial, for loops around it.
//
// Sources: Barannikov et al. 2022, arXiv 2201.00058 (cross-barcode); Bauer 2021, arXiv 1908.02518
// (implicit cohomology).
absl::StatusOr<std::vector<Bar>> CrossLoops(const ComputeContext& context, const Matrix& from,
                                            const Matrix& to);

}  // namespace gramian

#endif  // GRAMIAN_GEOMETRY_PERSISTENCE_H_
