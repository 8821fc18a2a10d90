// Metric similarity analysis (MSA): how alike the intrinsic geometry is that two layers give to the
// same manifold of inputs.
//
//   distance   d_MSA = sum_i w_i d_SR(G_a,i, G_b,i) / sum_i w_i    in [0, 1]
//   similarity       = 1 - d_MSA
//
// w_i is the volume that point i stands for in a reference geometry that has to be chosen: equal
// weights are uniform in the coordinates of a grid, or the data's own density for samples. d_MSA is
// 0 exactly for conformally equivalent layers, invariant to isometries of either layer's space, to
// any change of coordinates of the inputs, and to a scale of either layer at each point. Values
// grow with m: compare only those with the same m and the same points. Source: Cayco Gajic and
// Pellegrino 2026, arXiv 2603.28764.
#ifndef GRAMIAN_TANGENT_MSA_H_
#define GRAMIAN_TANGENT_MSA_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "gramian/base/compute.h"
#include "gramian/tangent/factor_field.h"
#include "gramian/tangent/spectral_ratio.h"

namespace gramian {

// The comparison of two fields. Means are weighted.
struct MsaReport {
  double distance = 0.0;
  double similarity = 0.0;
  // Of the distance if the points are a random sample: weighted standard deviation /
  // sqrt(N_eff - 1), N_eff = (sum w)^2 / sum w^2; 0 unless N_eff > 1.
  double standard_error = 0.0;
  // Of the points that have distances (full joint rank, no mismatch): all others are left out.
  double compared_weight = 0.0;  // their share of the weight, in [0, 1]; 0: the means are 0 too
  double log_scale_mean = 0.0;
  double shape_mean = 0.0;
  double airm_mean = 0.0;
  // Numbers of points.
  int64_t compared = 0;
  int64_t degenerate = 0;       // joint rank below m
  int64_t rank_mismatches = 0;  // d_SR = 1 because ranges differ
  int64_t vanishing = 0;        // both pullback metrics are 0: d_SR = 0
  // n, in the order of the inputs.
  std::vector<PointComparison> points;
};

// Compares the fields of two layers over the same n points. `weights` is empty (all equal) or has n
// entries. INVALID_ARGUMENT, naming the values: n or m differ; weights that are not n, not finite,
// negative, or all 0. O(n m^3); n PointComparison of scratch. Exactly symmetric but for the sign of
// the log scale, and exactly 0 for equal fields. Sums run in the order of the points.
absl::StatusOr<MsaReport> CompareFields(const ComputeContext& context, const FactorField& a,
                                        const FactorField& b, absl::Span<const double> weights);

}  // namespace gramian

#endif  // GRAMIAN_TANGENT_MSA_H_
