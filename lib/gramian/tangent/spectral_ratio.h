// How far apart two pullback metrics are at one point.
//
//   l_1 >= ... >= l_r: eigenvalues of G_a v = l G_b v on the joint range, r its dimension
//   spectral ratio  d_SR    = 1 - sqrt(l_r / l_1)              in [0, 1]
//   log scale       s       = mean(log l) / 2                  log of the ratio of lengths
//   shape distance  d_shape = |log l - mean(log l)|
//   AIRM            d       = |log l|,  d^2 = m (2 s)^2 + d_shape^2
//
// d_SR compares directions only: it is 0 for G and c G (conformal), unchanged by any change of
// coordinates, and 0 for a single coordinate. It is a distance of pullback metrics up to scale:
// d_SR = 1 - exp(-d_H / 2) of Hilbert's projective distance d_H. AIRM is the affine-invariant
// Riemannian distance. Source: Cayco Gajic and Pellegrino 2026, arXiv 2603.28764 (d_SR).
#ifndef GRAMIAN_TANGENT_SPECTRAL_RATIO_H_
#define GRAMIAN_TANGENT_SPECTRAL_RATIO_H_

#include "gramian/base/matrix.h"

namespace gramian {

// One point.
struct PointComparison {
  double spectral_ratio = 0.0;
  // Of points with full joint rank and no mismatch; 0 otherwise:
  double log_scale = 0.0;  // > 0 if a is the larger
  double shape = 0.0;
  double airm = 0.0;
  // r. Below m the pullback metrics share a null space, and d_SR is that on the joint range; with
  // r = 0 both vanish and d_SR is 0.
  Index joint_rank = 0;
  // Whether their ranges differ: directions that one layer sees and the other does not. d_SR is 1
  // and the others have no finite value.
  bool rank_mismatch = false;

  bool has_distances(Index coordinates) const {
    return joint_rank == coordinates && !rank_mismatch;
  }
};

// Compares G = R' R given by packed upper triangles of m coordinates. By the cosine-sine
// decomposition of the stacked factors, which inverts nothing: with [R_a; R_b] = [A_a; A_b] T and
// orthonormal columns, l_i = (c_i / s_i)^2 of the singular values c of A_a, s of A_b. Ranks are
// counted to 16 m eps. Exactly symmetric (log_scale changes its sign), exactly 0 for equal factors.
// About 20 m^3 flops.
PointComparison CompareFactors(const double* a, const double* b, Index coordinates);

}  // namespace gramian

#endif  // GRAMIAN_TANGENT_SPECTRAL_RATIO_H_
