// Maps of functions on the inputs of one layer to functions on those of another.
#ifndef GRAMIAN_MEASURE_FUNCTIONAL_MAP_H_
#define GRAMIAN_MEASURE_FUNCTIONAL_MAP_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/base/matrix.h"
#include "gramian/geometry/laplacian_eigenbasis.h"

namespace gramian {

// A functional map C is k_b x k_a: it takes the coefficients phi_a' f of a function on the inputs
// of layer a to those of a function on the inputs of b. Layers may differ in inputs and features.
// Source of all here: Fumero et al. 2024 (LFM), arXiv 2406.14183; Ovsjanikov et al. 2012.

// C = phi_b' phi_a of two layers over the same n inputs, or with row matches[i] of a belonging to
// row i of b (n_b of them). 2 n k^2 flops. CANCELLED.
absl::StatusOr<Matrix> KnownFunctionalMap(const ComputeContext& context,
                                          const LaplacianEigenbasis& a,
                                          const LaplacianEigenbasis& b);
absl::StatusOr<Matrix> KnownFunctionalMap(const ComputeContext& context,
                                          const LaplacianEigenbasis& a,
                                          const LaplacianEigenbasis& b,
                                          absl::Span<const int32_t> matches);

// How a map is found from descriptors.
enum class MapSolver {
  kAuto,       // direct up to kMaxDirectUnknowns
  kDirect,     // normal equations, Cholesky: O(k^6 / 3) flops, 24 k^4 bytes
  kIterative,  // conjugate gradients with the diagonal as preconditioner: 4 q k^3 flops a step
};
inline constexpr Index kMaxDirectUnknowns = 2500;
inline constexpr int kMaxMapIterations = 20000;

// Weights of the terms of the energy, all >= 0; the defaults are the authors'.
struct MapWeights {
  double descriptor = 1.0;
  double laplacian = 1.0e-3;
  double commutativity = 1.0e-1;
};

struct FittedMap {
  Matrix map;              // k_b x k_a
  double energy = 0.0;     // E(map)
  int64_t iterations = 0;  // of conjugate gradients; 0 if it was solved directly
};

// The minimum of
//   E(C) = descriptor/2 |C A - B|^2 + laplacian/2 sum_ij M_ij C_ij^2
//          + commutativity/2 sum_q |C S_q - T_q C|^2
// over all C whose first column is e_1 (smoothest to smoothest), where A = phi_a' F and B = phi_b'
// G are the coefficients of descriptors (row q of `a_functions` and `b_functions`, q x n_a and q x
// n_b, is a function that both layers should agree on), M_ij = (lambda_j - mu_i)^2 over the sum of
// all of them, and S_q = phi_a' diag(f_q) phi_a, T_q of g_q. A convex quadratic, so that the start
// is of no matter; a singular one gets a ridge of 1e-12 of its mean diagonal. 2 q n k^2 flops, 16 q
// k^2 bytes, then the solver. INVALID_ARGUMENT for no descriptor or different numbers of them;
// RESOURCE_EXHAUSTED; CANCELLED; INTERNAL after kMaxMapIterations steps.
absl::StatusOr<FittedMap> FitFunctionalMap(const ComputeContext& context,
                                           const LaplacianEigenbasis& a,
                                           const LaplacianEigenbasis& b, const Matrix& a_functions,
                                           const Matrix& b_functions, const MapWeights& weights,
                                           MapSolver solver);

// For every input of b the input of a that the map says is the same: the nearest of C phi_a(i) to
// phi_b(j); n_b indices. 2 n_a n_b k_b flops. CANCELLED.
absl::StatusOr<std::vector<int32_t>> PointMapOf(const ComputeContext& context, const Matrix& map,
                                                const LaplacianEigenbasis& a,
                                                const LaplacianEigenbasis& b);

// ZoomOut: cuts the map by `steps` rows and columns and grows it back by one at a time, each time
// as the functional map of the point map of the last. INVALID_ARGUMENT if fewer than 2 rows or
// columns were left, or `steps` is negative. `steps` times PointMapOf. CANCELLED.
// Source: Melzi et al. 2019, arXiv 1904.07865.
absl::StatusOr<Matrix> ZoomOut(const ComputeContext& context, const Matrix& map,
                               const LaplacianEigenbasis& a, const LaplacianEigenbasis& b,
                               int64_t steps);

}  // namespace gramian

#endif  // GRAMIAN_MEASURE_FUNCTIONAL_MAP_H_
